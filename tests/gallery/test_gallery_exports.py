"""Exports: whole, encrypted, refused where they are damaged or another pack's."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from renzheng import InvalidInput, PackError, RenzhengError, Verifier
from renzheng.gallery import Entry, Gallery, export_format, exports, keys
from renzheng.types import Floats

Unit = Callable[..., Floats]


@pytest.fixture
def full(gallery: Gallery, unit: Unit) -> Gallery:
    gallery.add(
        Entry(f"e{k}", row, person="Erika Mustermann", metadata={"k": k, "note": "secret"})
        for k, row in enumerate(unit(2500))
    )
    return gallery


@pytest.fixture
def empty(tmp_path: Path, verifier: Verifier) -> Gallery:
    return Gallery.create(tmp_path / "other", verifier)


def _content(gallery: Gallery) -> dict[str, tuple[object, bytes]]:
    return {entry.id: (entry.to_dict(), entry.embedding.tobytes()) for entry in gallery}


@pytest.mark.parametrize("encrypted", [False, True])
def test_comes_back_as_it_was(
    tmp_path: Path, full: Gallery, empty: Gallery, encrypted: bool
) -> None:
    path, key = tmp_path / "out", keys.new_key()
    recipients = [keys.recipient_of(key)] if encrypted else []
    told: list[int] = []
    assert exports.export_gallery(full, path, recipients=recipients, progress=told.append) == 2500
    assert told[-1] == 2500
    assert path.stat().st_mode & 0o077 == 0
    done = exports.import_gallery(empty, path, key=key if encrypted else None)
    assert len(done.ids) == 2500
    assert _content(empty) == _content(full)
    again = exports.import_gallery(empty, path, key=key)
    assert (len(again.ids), len(again.refused)) == (0, 2500)


def test_an_encrypted_export_is_read_by_its_key_alone(
    tmp_path: Path, full: Gallery, empty: Gallery
) -> None:
    path, key, other = tmp_path / "out.age", keys.new_key(), keys.new_key()
    exports.export_gallery(full, path, recipients=[keys.recipient_of(key)])
    assert path.read_bytes().startswith(b"age-encryption.org/v1\n")
    with pytest.raises(InvalidInput, match="encrypted"):
        exports.import_gallery(empty, path)
    with pytest.raises(InvalidInput, match="cannot be decrypted"):
        exports.import_gallery(empty, path, key=other)
    with pytest.raises(InvalidInput, match="no secret key"):
        exports.import_gallery(empty, path, key="AGE-SECRET-KEY-1WRONG")
    assert len(empty) == 0


def test_others_read_it_with_the_tools_of_the_field(tmp_path: Path, full: Gallery) -> None:
    import pyrage

    path, key = tmp_path / "out.age", keys.new_key()
    exports.export_gallery(full, path, recipients=[keys.recipient_of(key)])
    plain = pyrage.decrypt(path.read_bytes(), [pyrage.x25519.Identity.from_str(key)])
    table = pa.ipc.open_stream(plain).read_all()
    assert table.num_rows == 2500
    assert table.column_names[:3] == ["id", "person", "metadata"]
    exports.export_gallery(full, tmp_path / "plain.arrow")
    with pa.OSFile(str(tmp_path / "plain.arrow")) as file:
        assert pa.ipc.open_stream(file).read_all().num_rows == 2500
    assert '"note": "secret"' in table.column("metadata")[0].as_py()


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("part", [0.999, 0.7, 0.3, 0.001])
def test_a_part_of_an_export_is_told_as_one(
    tmp_path: Path, full: Gallery, empty: Gallery, encrypted: bool, part: float
) -> None:
    path, key = tmp_path / "out", keys.new_key()
    exports.export_gallery(full, path, recipients=[keys.recipient_of(key)] if encrypted else [])
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    with pytest.raises(InvalidInput):
        exports.import_gallery(empty, path, key=key)
    whole = _content(full)
    assert all(whole[id] == entry for id, entry in _content(empty).items())


def test_no_changed_bit_of_a_plain_export_is_believed(
    tmp_path: Path, full: Gallery, empty: Gallery
) -> None:
    path = tmp_path / "out"
    exports.export_gallery(full, path)
    whole = path.read_bytes()
    for place in (
        0,
        9,
        300,
        2509,
        len(whole) // 2,
        len(whole) - 90,
        len(whole) - 70,
        len(whole) - 1,
    ):
        for bit in (1, 4, 128):
            content = bytearray(whole)
            content[place] ^= bit
            path.write_bytes(content)
            with pytest.raises(InvalidInput):
                exports.import_gallery(empty, path)
    assert len(empty) == 0


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": "[1]"},
        {"metadata": "[" * 5000},
        {"source": None},
        {"person": None},
        {"enrolled": None},
        {"id": ""},
        {"embedding": [0.0] * 128},
    ],
)
def test_a_crafted_export_is_refused(
    tmp_path: Path, empty: Gallery, unit: Unit, change: dict[str, object]
) -> None:
    import pyrage

    key = keys.new_key()
    about = {"layout": 1, "pack": dict(empty.pack), "dimension": 128}
    schema = export_format.schema_of(128).with_metadata(
        {export_format.ABOUT: json.dumps(about).encode()}
    )
    row = {
        "id": "x", "person": "x", "metadata": "{}", "source": "", "picture": "",
        "enrolled": datetime.now(UTC), "embedding": unit(1)[0].tolist(), **change,
    }  # fmt: skip
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_pylist([row], schema=schema))
    recipient = pyrage.x25519.Recipient.from_str(keys.recipient_of(key))
    path = tmp_path / "crafted"
    path.write_bytes(pyrage.encrypt(sink.getvalue(), [recipient]))
    with pytest.raises(InvalidInput):
        exports.import_gallery(empty, path, key=key)
    assert len(empty) == 0


def test_a_stream_without_its_end_is_damaged(tmp_path: Path, full: Gallery, empty: Gallery) -> None:
    path = tmp_path / "out"
    exports.export_gallery(full, path)
    path.write_bytes(path.read_bytes()[:-81])  # what is behind the entries, and no entry
    with pytest.raises(InvalidInput, match="end is missing"):
        exports.import_gallery(empty, path)


def test_a_changed_byte_is_found(tmp_path: Path, full: Gallery, empty: Gallery) -> None:
    path, key = tmp_path / "out", keys.new_key()
    exports.export_gallery(full, path, recipients=[keys.recipient_of(key)])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="decrypted"):
        exports.import_gallery(empty, path, key=key)


def test_what_is_no_export_is_refused(tmp_path: Path, empty: Gallery) -> None:
    for content in (b"", b"hello", b"age-encryption.org/v1\n", bytes(1000)):
        path = tmp_path / "no"
        path.write_bytes(content)
        with pytest.raises(InvalidInput):
            exports.import_gallery(empty, path, key=keys.new_key())
    with pytest.raises(InvalidInput):
        exports.import_gallery(empty, tmp_path / "missing")
    with pytest.raises(InvalidInput):
        exports.import_gallery(empty, tmp_path)
    foreign = tmp_path / "foreign"
    with pa.ipc.new_stream(foreign, pa.schema([("id", pa.string())])) as writer:
        writer.write_table(pa.table({"id": ["x"]}))
    with pytest.raises(InvalidInput, match="no export"):
        exports.import_gallery(empty, foreign)


def test_another_packs_export_is_refused(tmp_path: Path, full: Gallery, empty: Gallery) -> None:
    path = tmp_path / "out"
    exports.export_gallery(full, path)
    empty.pack = {**empty.pack, "network_digest": "0" * 64}
    with pytest.raises(PackError, match="mean nothing"):
        exports.import_gallery(empty, path)


def test_a_failed_export_leaves_what_was_there(tmp_path: Path, full: Gallery) -> None:
    path = tmp_path / "out"
    path.write_text("before")
    with pytest.raises(InvalidInput, match="no public key"):
        exports.export_gallery(full, path, recipients=["age1wrong"])

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    for recipients in ([], [keys.recipient_of(keys.new_key())]):
        with pytest.raises(KeyboardInterrupt):
            exports.export_gallery(full, path, recipients=recipients, progress=stop)
    assert path.read_text() == "before"
    assert [each.name for each in tmp_path.iterdir() if "renzheng" in each.name] == []
    with pytest.raises(RenzhengError, match="cannot be written"):
        exports.export_gallery(full, tmp_path / "no folder" / "out")


def test_keys_come_from_a_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(keys.KEY_VARIABLE, raising=False)
    assert keys.read_key() is None
    key = keys.new_key()
    monkeypatch.setenv(keys.KEY_VARIABLE, key)
    assert keys.read_key() == key
    path = tmp_path / "key"
    other = keys.new_key()
    path.write_text(f"# created: today\n# public key: age1x\n{other}\n")
    assert keys.read_key(path) == other
    for wrong in ("", "# nothing\n", f"{key}\n{other}\n", "AGE-SECRET-KEY-1XYZ", "\xff"):
        path.write_text(wrong)
        with pytest.raises(InvalidInput) as caught:
            keys.read_key(path)
        assert "XYZ" not in str(caught.value)  # no part of a key in a message


def test_an_interrupted_import_ends_and_keeps_what_is_whole(
    tmp_path: Path, full: Gallery, empty: Gallery
) -> None:
    path, key = tmp_path / "out", keys.new_key()
    exports.export_gallery(full, path, recipients=[keys.recipient_of(key)])

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exports.import_gallery(empty, path, key=key, progress=stop)
    assert len(empty) == 1000
    # A process that was interrupted so ends, and is not held by the thread that decrypts.
    code = (
        "import sys; from pathlib import Path; from renzheng.gallery import Gallery, exports\n"
        "def stop(count): raise SystemExit(7)\n"
        f"exports.import_gallery(Gallery.open({str(tmp_path / 'other')!r}), Path({str(path)!r}),"
        f" key={key!r}, progress=stop)"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert done.returncode == 7
