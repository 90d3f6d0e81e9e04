from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import PackError
from renzheng.models.converters import torch_file

torch = pytest.importorskip("torch", reason="writes the files")


def state() -> dict[str, Any]:
    base = torch.arange(12, dtype=torch.float32)
    return OrderedDict(
        a=base[2:8].reshape(2, 3), b=base, counter=torch.tensor(5), empty=torch.zeros(0, 4)
    )


def save(content: Any, path: Path, archive: bool) -> Path:
    torch.save(content, path, _use_new_zipfile_serialization=archive)
    return path


@pytest.mark.parametrize("archive", [False, True])
def test_both_forms_give_what_was_saved(tmp_path: Path, archive: bool) -> None:
    found = torch_file.read(save(state(), tmp_path / "s.pth", archive))
    assert list(found) == list(state())
    for name, tensor in state().items():
        np.testing.assert_array_equal(found[name], tensor.numpy())
        assert found[name].dtype == tensor.numpy().dtype


@pytest.mark.parametrize("archive", [False, True])
def test_a_modules_own_state_dict(tmp_path: Path, archive: bool) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    found = torch_file.read(save(module.state_dict(), tmp_path / "s.pth", archive))
    np.testing.assert_array_equal(found["0.weight"], module[0].weight.detach().numpy())


class _Attack:
    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder / "executed"),)


def hostile(folder: Path) -> list[bytes]:
    """The attack in every place where a pickle stands, in both forms."""
    attack = pickle.dumps(_Attack(folder), 2)
    plain = io.BytesIO()
    torch.save({"a": torch.zeros(2)}, plain, _use_new_zipfile_serialization=False)
    content = plain.getvalue()
    ends, stream = [0], io.BytesIO(content)
    for _ in range(4):
        for _ in pickle_operations(stream):
            pass
        ends.append(stream.tell())
    files = [content[:end] + attack for end in ends]
    files.append(content[: ends[3]] + pickle.dumps({"a": _Attack(folder)}, 2))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("archive/data.pkl", attack)
    return [*files, archive.getvalue()]


def pickle_operations(stream: io.BytesIO) -> Any:
    import pickletools

    return pickletools.genops(stream)


def test_nothing_in_a_file_is_executed(tmp_path: Path) -> None:
    path = tmp_path / "s.pth"
    for content in hostile(tmp_path):
        path.write_bytes(content)
        with pytest.raises(PackError, match=r"asks for (posix|nt)\.mkdir"):
            torch_file.read(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a": torch.zeros(2, dtype=torch.float16)}, "HalfStorage"),
        ({"a": torch.zeros(3, 4).T}, "in one piece"),
        ({"a": 1}, "no tensor"),
        ({1: torch.zeros(1)}, "without a name"),
        ([torch.zeros(2)], "not a torch state dict"),
        (torch.nn.Linear(1, 1), "asks for torch"),
    ],
)
@pytest.mark.parametrize("archive", [False, True])
def test_anything_but_plain_tensors_is_refused(
    tmp_path: Path, archive: bool, content: Any, reason: str
) -> None:
    with pytest.raises(PackError, match=reason):
        torch_file.read(save(content, tmp_path / "s.pth", archive))


@pytest.mark.parametrize("archive", [False, True])
def test_a_cut_or_lengthened_file_is_refused(tmp_path: Path, archive: bool) -> None:
    whole = save(state(), tmp_path / "s.pth", archive).read_bytes()
    for content in (*(whole[:n] for n in range(0, len(whole), 13)), b"", whole + b"\0" * 70_000):
        (tmp_path / "s.pth").write_bytes(content)
        with pytest.raises(PackError):
            torch_file.read(tmp_path / "s.pth")


@given(at=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), archive=st.booleans())
def test_a_spoilt_byte_gives_tensors_or_a_pack_error(
    tmp_path_factory: pytest.TempPathFactory, at: float, value: int, archive: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "spoilt.pth"
    content = bytearray(save(state(), path, archive).read_bytes())
    content[int(at * len(content))] = value
    path.write_bytes(content)
    with suppress(PackError):
        found = torch_file.read(path)
        assert all(isinstance(values, np.ndarray) for values in found.values())


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    plain = save(state(), tmp_path / "s.pth", True)
    with zipfile.ZipFile(plain) as read, zipfile.ZipFile(tmp_path / "c.pth", "w") as written:
        for entry in read.infolist():
            written.writestr(entry.filename, read.read(entry), zipfile.ZIP_DEFLATED)
    with pytest.raises(PackError, match="compressed"):
        torch_file.read(tmp_path / "c.pth")


def test_too_large_and_missing_files_are_named(tmp_path: Path) -> None:
    with (tmp_path / "big.pth").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(PackError, match="larger than"):
        torch_file.read(tmp_path / "big.pth")
    with pytest.raises(PackError, match=r"none\.pth.*No such file"):
        torch_file.read(tmp_path / "none.pth")
