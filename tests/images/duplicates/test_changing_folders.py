"""Reports on files that change, disappear or have odd names during the search."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from painted_pictures import paint, save
from renzheng.images import duplicates, file_list
from renzheng.images.duplicates import Store, verification
from renzheng.images.duplicates.results import Link

pytest.importorskip("imagehash", reason="needs ImageHash: pip install 'renzheng[similarity]'")


def _names(found: duplicates.Duplicates) -> dict[str, dict[str, str]]:
    return {
        group.keep.path.name: {m.item.path.name: m.relation.value for m in group.members}
        for group in found.groups
    }


def test_a_file_that_is_away_for_a_moment_spoils_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "pictures"
    save(paint(1), folder / "a.png")
    save(paint(1), folder / "a.jpg", quality=60)
    away = tmp_path / "away.jpg"
    compare = duplicates._compare

    def while_it_is_away(*arguments: object) -> object:
        (folder / "a.jpg").rename(away)
        try:
            return compare(*arguments)  # type: ignore[arg-type]
        finally:
            away.rename(folder / "a.jpg")

    with Store(tmp_path / "store") as store:
        with monkeypatch.context() as patch:
            patch.setattr(duplicates, "_compare", while_it_is_away)
            duplicates.find([folder], store=store)
        again = duplicates.find([folder], store=store)
    assert _names(again) == {"a.png": {"a.jpg": "same_picture"}}


@pytest.mark.parametrize("how", ["replaced", "removed"])
def test_what_took_a_files_place_is_not_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    folder = tmp_path / "pictures"
    content = save(paint(1), folder / "a.png").read_bytes()
    (folder / "b.png").write_bytes(content)
    (folder / "c.png").write_bytes(content)
    compare = duplicates._compare

    def meanwhile(*arguments: object) -> object:
        if how == "replaced":
            save(paint(2), folder / "c.png")
        else:
            (folder / "c.png").unlink()
        return compare(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(duplicates, "_compare", meanwhile)
    found = duplicates.find([folder])
    assert _names(found) == {"a.png": {"b.png": "identical"}}
    assert [one.path.name for one in found.unread] == ["c.png"]
    assert (found.removable, found.pictures) == (1, 2)


def test_copies_of_a_version_are_identical_to_each_other(tmp_path: Path) -> None:
    picture = paint(1)
    save(picture, tmp_path / "a.png")
    crop = save(np.ascontiguousarray(picture[20:-20, 30:-10]), tmp_path / "crop.png").read_bytes()
    (tmp_path / "crop again.png").write_bytes(crop)
    (tmp_path / "crop third.png").write_bytes(crop)
    found = duplicates.find([tmp_path])
    names = _names(found)
    [first] = names.pop("a.png")
    assert names == {
        first: dict.fromkeys(
            {"crop.png", "crop again.png", "crop third.png"} - {first}, "identical"
        )
    }
    assert found.removable == 2


def test_nothing_but_the_same_bytes_is_planned(tmp_path: Path) -> None:
    picture = paint(1)
    save(picture, tmp_path / "a.png")
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    written = picture.copy()
    cv2.putText(written, "42", (20, 40), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 1, cv2.LINE_AA)
    for name, version in (("grey", grey), ("written", written), ("coded", picture)):
        save(version, tmp_path / f"{name}.jpg", quality=90)
    found = duplicates.find([tmp_path])
    assert len(found.groups) == 1
    assert len(found.groups[0].members) == 3
    assert (found.removable, found.frees) == (0, 0)


def test_hashes_do_not_overrule_the_features(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(paint(1), tmp_path / "a.png")
    save(paint(1), tmp_path / "a.jpg", quality=60)
    unrelated = Link(None, 14, 0.5, False, 1.0, 1.0, 0.5, 0.5)
    monkeypatch.setattr(verification, "_with_changes", lambda *_: unrelated)
    monkeypatch.setattr(verification, "FEW_FEATURES", 10**6)
    assert duplicates.find([tmp_path]).groups == ()


@pytest.mark.skipif(os.name == "nt", reason="links of POSIX")
def test_one_bad_link_costs_no_folder(tmp_path: Path) -> None:
    for place in ("a.png", "within/b.png", "within/deeper/c.png"):
        save(paint(1), tmp_path / place)
    (tmp_path / "selfloop").symlink_to("selfloop")
    (tmp_path / "within" / "nowhere.jpg").symlink_to("gone.jpg")
    (tmp_path / "beside").symlink_to(tmp_path / "within")
    found = file_list.find([tmp_path])
    assert [path.name for path in found.paths] == ["a.png", "b.png", "c.png"]
    assert [one.path.name for one in found.unread] == ["nowhere.jpg"]


def test_a_list_from_windows_keeps_its_first_line(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_bytes("\ufeffa.png\nb.png\n".encode())
    assert [path.name for path in file_list.read_list(tmp_path / "list.txt")] == ["a.png", "b.png"]


def test_outputs_do_not_take_each_others_place(tmp_path: Path) -> None:
    from renzheng.apps.cli import main

    save(paint(1), tmp_path / "pictures" / "a.png")
    both = str(tmp_path / "s.json")
    words = ["duplicates", str(tmp_path / "pictures"), "--store", both, "--plan", both]
    assert main(words) == 2
    assert not Path(both).exists()
    # Nor that of a picture which is read through a link.
    photo = tmp_path / "photo.csv"
    save(paint(2), tmp_path / "photo.png").rename(photo)
    before = photo.read_bytes()
    (tmp_path / "pictures" / "x.png").symlink_to(photo)
    words = ["duplicates", str(tmp_path / "pictures"), "--no-store", "--plan", str(photo)]
    assert main(words) == 2
    assert photo.read_bytes() == before
    (tmp_path / "folder.html").mkdir()
    words = ["duplicates", str(tmp_path / "pictures"), "--report", str(tmp_path / "folder.html")]
    assert main([*words, "--no-store"]) == 2


def test_a_store_that_others_could_read_is_closed(tmp_path: Path) -> None:
    place = tmp_path / "store"
    place.touch(mode=0o644)
    with Store(place):
        assert place.stat().st_mode & 0o077 == 0
