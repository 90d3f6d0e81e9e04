"""A gallery holds faces that one detector found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from renzheng import PackError, Verifier
from renzheng.apps import cli
from renzheng.gallery import Gallery
from renzheng.gallery.engine import Engine
from renzheng.gallery.exports import export_gallery, import_gallery
from renzheng.models import packs


@pytest.fixture(scope="module")
def other(verifier: Verifier) -> Verifier:
    return Verifier(detector="yunet", threads=1)


def test_another_detector_is_refused(tmp_path: Path, verifier: Verifier, other: Verifier) -> None:
    gallery = Gallery.create(tmp_path / "g", other)
    assert gallery.detector is not None
    assert gallery.detector["name"] == "yunet"
    assert Gallery.open(tmp_path / "g", other).verifier is other
    assert Gallery.open(tmp_path / "g").verifier.detector_pack.name == "yunet"
    with pytest.raises(PackError, match="found by yunet, and these would be by mtcnn"):
        Gallery.open(tmp_path / "g", verifier)


def test_a_gallery_from_before_there_was_a_choice_is_of_mtcnn(
    tmp_path: Path, verifier: Verifier, other: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Engine.create

    def former(where: str, about: dict[str, object], options: object) -> Engine:
        kept = {key: value for key, value in about.items() if key != "detector"}
        return made(where, kept, options)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "create", former)
    Gallery.create(tmp_path / "g", verifier)
    assert Gallery.open(tmp_path / "g", verifier).detector is None
    assert Gallery.open(tmp_path / "g").verifier.detector_pack.name == packs.DEFAULT_DETECTOR
    with pytest.raises(PackError, match="found by mtcnn"):
        Gallery.open(tmp_path / "g", other)


def test_an_export_says_which_detector_found_its_faces(
    tmp_path: Path, verifier: Verifier, other: Verifier
) -> None:
    export_gallery(Gallery.create(tmp_path / "one", other), tmp_path / "export")
    import_gallery(Gallery.create(tmp_path / "same", other), tmp_path / "export")
    with pytest.raises(PackError, match="found by mtcnn, and these would be by yunet"):
        import_gallery(Gallery.create(tmp_path / "two", verifier), tmp_path / "export")


def test_a_detector_that_is_not_ours_is_remembered_by_its_place(
    tmp_path: Path, other: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    renamed = replace(other.detector_pack, name="mine")
    mine = Verifier(face_models=replace(other.face_models, detector_pack=renamed))
    Gallery.create(tmp_path / "g", mine)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    found = Gallery.open(tmp_path / "g").verifier
    assert found.detector_pack.folder == other.detector_pack.folder


def test_the_command_makes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = str(tmp_path / "g")
    assert cli.main(["gallery", "create", place, "--detector", "yunet"]) == 0
    assert cli.main(["gallery", "stats", place]) == 0
    assert "detector:       yunet" in capsys.readouterr().out
    assert cli.main(["gallery", "stats", place, "--detector", "mtcnn"]) != 0
    assert "found by yunet" in capsys.readouterr().err
