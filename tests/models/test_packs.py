from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from renzheng import InvalidInput, Pack, PackError, Verifier
from renzheng.faces.embedding import Embedder
from renzheng.models import packs
from renzheng.models.packs import builder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("RENZHENG_CACHE", str(folder))
    return folder


def leftovers(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.name.startswith(".")]


def test_every_definition_names_licence_and_provenance() -> None:
    assert packs.names() == [
        "dlib-features",
        "dlib-resnet",
        "minifasnet",
        "mtcnn",
        "sface",
        "yunet",
    ]
    assert packs.DEFAULT_EMBEDDER == "sface"
    for name in packs.names():
        definition = packs.definition(name)
        assert definition["licence"]
        assert definition["provenance"]["weights"]


def test_first_use_builds_and_the_second_only_loads(cache: Path) -> None:
    lines: list[str] = []
    built = packs.load("mtcnn", progress=lines.append)
    again = packs.load("mtcnn", progress=lines.append)
    assert len(lines) == 1
    assert "mtcnn" in lines[0]
    assert built.digest == again.digest
    assert leftovers(cache) == []
    assert set(built.manifest["files"]) == {"pnet.onnx", "rnet.onnx", "onet.onnx"}


def test_building_twice_gives_the_same_bytes(cache: Path) -> None:
    first = packs.build("mtcnn").digest
    shutil.rmtree(cache)
    assert packs.build("mtcnn").digest == first


def test_a_damaged_cache_is_mended(cache: Path) -> None:
    pack = packs.load("mtcnn")
    with pack.file("onet.onnx").open("r+b") as file:
        file.seek(1000)
        file.write(b"\0\1\2\3")
    with pytest.raises(PackError, match="damaged"):
        Pack.load(pack.folder)
    assert packs.load("mtcnn").digest == pack.digest
    assert leftovers(cache) == []


def test_an_unknown_pack_names_the_known_ones(cache: Path) -> None:
    with pytest.raises(
        PackError, match=r"unknown pack 'nope'.*dlib-resnet, minifasnet, mtcnn, sface"
    ):
        packs.load("nope")
    with pytest.raises(PackError):
        packs.load("../../etc")


def test_a_full_disk_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(name: str, folder: Path) -> None:
        (folder / "pnet.onnx").write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(builder, "_write_networks", full)
    with pytest.raises(PackError, match=r"No space left.*RENZHENG_CACHE"):
        packs.load("mtcnn")
    assert list(cache.iterdir()) == []


def test_a_cache_that_is_a_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path / "file"))
    with pytest.raises(PackError, match="RENZHENG_CACHE"):
        packs.load("mtcnn")


def test_two_processes_at_once_share_one_good_pack(cache: Path) -> None:
    command = [sys.executable, "-m", "renzheng", "packs", "build", "mtcnn"]
    running = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    assert packs.load("mtcnn", progress=lambda line: pytest.fail(line)).kind == "detector"
    assert leftovers(cache) == []


def test_a_killed_build_leaves_no_pack_and_is_swept(cache: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from renzheng.models.packs import builder; import time\n"
        "builder._write_networks = lambda name, folder: time.sleep(60)\n"
        "builder.build('mtcnn')",
    ]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (cache.is_dir() and leftovers(cache)):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (abandoned,) = leftovers(cache)
    os.utime(abandoned, (0, 0))
    assert not packs.location("mtcnn").exists()
    packs.load("mtcnn")
    assert leftovers(cache) == []


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("", "not a pack manifest"),
        ("= broken", "not a pack manifest"),
        ('name="x"\nversion="1"\nkind="embedder"\n', "not a pack manifest"),
        ('name="x"\nversion="1"\nkind="oracle"\n[files]\n', "unknown kind"),
        ('name="x"\nversion="1"\nkind="embedder"\n[files]\n"../a"="0"\n', "must lie in its folder"),
        ('name="x"\nversion="1"\nkind="embedder"\n[files]\n"a"="0"\n', "a is missing"),
    ],
)
def test_a_bad_manifest_says_what_is_wrong(tmp_path: Path, manifest: str, reason: str) -> None:
    (tmp_path / "pack.toml").write_text(manifest)
    with pytest.raises(PackError, match=reason):
        Pack.load(tmp_path)


def test_a_pack_of_the_users_own_loads_from_its_folder(cache: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(packs.load("mtcnn").folder, mine)
    pack = packs.load(mine)
    assert pack.folder == mine
    with pytest.raises(PackError, match="of kind detector, not embedder"):
        pack.require("embedder")
    with pytest.raises(PackError, match="no file"):
        pack.file("other.onnx")
    with pytest.raises(PackError, match=r"lacks \[input\] size"):
        pack.setting("input", "size")


def test_a_network_takes_its_weights_from_listed_files_only(tmp_path: Path) -> None:
    built = packs.load(packs.DEFAULT_EMBEDDER)
    own = tmp_path / "own"
    shutil.copytree(built.folder, own)
    (own / "notes.txt").write_text("of the user's own")
    assert packs.load(own).file("embedder.onnx").is_file()
    manifest = (own / "pack.toml").read_text(encoding="utf-8").splitlines(keepends=True)
    kept = [line for line in manifest if not line.startswith('"embedder.weights"')]
    assert len(kept) == len(manifest) - 1
    (own / "pack.toml").write_text("".join(kept), encoding="utf-8")
    with pytest.raises(PackError, match="does not list"):
        packs.load(own)
    with pytest.raises(PackError, match="does not list"):
        Verifier(own)


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_others_may_read_a_pack_where_they_may_read_the_users_files(cache: Path) -> None:
    before = os.umask(0o027)
    try:
        pack = packs.build("mtcnn")
    finally:
        os.umask(before)
    assert pack.folder.stat().st_mode & 0o777 == 0o750
    assert {path.stat().st_mode & 0o777 for path in pack.folder.iterdir()} == {0o640}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_pack_that_may_not_be_read_is_not_built_again(cache: Path) -> None:
    pack = packs.build("mtcnn")
    pack.folder.chmod(0)
    try:
        with pytest.raises(PackError, match="Permission"):
            packs.load("mtcnn", progress=lambda line: pytest.fail(line))
    finally:
        pack.folder.chmod(0o700)


def test_each_line_of_a_build_is_written_at_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    class Stream:
        def write(self, text: str) -> None:
            written.append(text)

        def flush(self) -> None:
            pass

    monkeypatch.setattr("sys.stderr", Stream())
    packs.build("mtcnn")
    assert [text[-1] for text in written] == ["\n"]


def test_a_pack_says_how_many_pictures_a_call_gets(tmp_path: Path) -> None:
    pack = packs.load(packs.DEFAULT_EMBEDDER)
    given = dict(pack.manifest["input"])
    assert given.pop("batch") == 2
    crops = np.zeros((5, given["size"], given["size"], 3), np.uint8)

    def calls(folder: Path, table: dict[str, object]) -> list[int]:
        own = packs.save_as(pack, folder, {}, {"input": table})
        assert own.network_digest == pack.network_digest  # embeddings are the same
        embedder, seen = Embedder.from_pack(own, threads=1), []
        network = embedder.network

        def note(batch: np.ndarray) -> list[np.ndarray]:
            seen.append(len(batch))
            return network(batch)

        embedder.with_network(note).embed(crops)  # type: ignore[arg-type]
        return seen

    assert calls(tmp_path / "four", {**given, "batch": 4}) == [4, 4, 2]
    assert calls(tmp_path / "silent", given) == [8, 2]
    with pytest.raises(InvalidInput, match="batch sizes"):
        calls(tmp_path / "none", {**given, "batch": 0})
