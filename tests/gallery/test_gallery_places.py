"""A gallery remembers where a pack of one's own lies, and takes no other for it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from renzheng import PackError, Verifier
from renzheng.apps.cli import main
from renzheng.gallery import Gallery
from renzheng.gallery.engine import Engine
from renzheng.models import packs
from renzheng.models.packs import Pack


@pytest.fixture
def own(tmp_path: Path, embedding_pack: Pack) -> Path:
    """A pack of one's own, of the name that one of renzheng's has."""
    return Path(shutil.copytree(embedding_pack.folder, tmp_path / "packs" / "own"))


@pytest.fixture
def gallery(own: Path, tmp_path: Path) -> Path:
    Gallery.create(tmp_path / "g", Verifier(own, threads=1))
    return tmp_path / "g"


def recalibrate(folder: Path) -> None:
    """Change the rates of a pack, in its place, as its manifest says."""
    import hashlib

    path = folder / "calibration.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told["provenance"]["data"] = "others"
    path.write_text(json.dumps(told), encoding="utf-8")
    manifest = folder / "pack.toml"
    before = packs.load(folder.parent / "copy").manifest["files"]["calibration.json"]
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(manifest.read_text(encoding="utf-8").replace(before, after))


def test_it_is_found_again(
    gallery: Path, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path / "packs")
    assert Gallery.open(gallery).verifier.pack.folder == own.resolve()


def test_one_of_ours_is_found_by_its_name_wherever_the_cache_is(
    tmp_path: Path, verifier: Verifier
) -> None:
    Gallery.create(tmp_path / "g", verifier)
    assert Engine.open(str(tmp_path / "g")).about["places"] == {}
    assert Gallery.open(tmp_path / "g").verifier.pack.folder == verifier.pack.folder


def test_one_that_has_moved_is_said_to_have(
    gallery: Path, own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = own.rename(tmp_path / "elsewhere")
    with pytest.raises(PackError, match=r"lay in .*own, and there is none now") as caught:
        assert Gallery.open(gallery).verifier
    assert "--pack FOLDER" in str(caught.value.remedy)
    probe = np.zeros((40, 40, 3), np.uint8)
    from PIL import Image

    Image.fromarray(probe).save(tmp_path / "probe.png")
    search = ["gallery", "search", str(gallery), str(tmp_path / "probe.png")]
    assert main(search) == 5
    assert "say where it is: --pack FOLDER" in capsys.readouterr().err
    assert main([*search, "--pack", str(moved)]) == 4  # there is no face
    assert Gallery.open(gallery, Verifier(moved, threads=1)).verifier.pack.folder == moved


def test_another_network_is_no_substitute(
    gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if packs.state("dlib-resnet") is not packs.State.BUILT:
        pytest.skip("needs the pack dlib-resnet: renzheng packs build dlib-resnet")
    assert main(["gallery", "check", str(gallery), "--pack", "dlib-resnet"]) == 5
    assert "distances between the two mean nothing" in capsys.readouterr().err


def test_rates_that_were_changed_in_its_place_are_not_taken_silently(
    gallery: Path, own: Path
) -> None:
    shutil.copytree(own, own.parent / "copy")
    recalibrate(own)
    with pytest.raises(PackError, match="has changed since the gallery was created") as caught:
        assert Gallery.open(gallery).verifier
    assert f"--pack {own.resolve()}" in str(caught.value.remedy)
    opened = Gallery.open(gallery)
    opened.load_packs(str(own))
    assert opened.verifier.calibration is not None
    assert opened.verifier.calibration.provenance["data"] == "others"


def test_an_export_tells_no_place(gallery: Path, own: Path, tmp_path: Path) -> None:
    from renzheng.gallery.exports import export_gallery

    export_gallery(Gallery.open(gallery), tmp_path / "export")
    assert str(own).encode() not in (tmp_path / "export").read_bytes()
