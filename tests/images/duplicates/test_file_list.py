"""The lists of picture files."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from renzheng import InvalidInput, RenzhengError
from renzheng.images import file_list
from renzheng.images.file_list import HIDDEN, LINK, OTHER, find, read_list

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="symbolic links of POSIX")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.jpg", "B.PNG", "notes.txt", ".hidden.jpg", "deep/er/c.webp", ".git/d.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def names(found: file_list.Listing, root: Path) -> list[str]:
    return [path.relative_to(root).as_posix() for path in found.paths]


def test_pictures_are_told_by_their_names_and_the_rest_is_counted(tree: Path) -> None:
    found = find([tree])
    assert names(found, tree) == ["B.PNG", "a.jpg", "deep/er/c.webp"]
    assert found.skipped == {HIDDEN: 2, OTHER: 1}
    assert find([tree], hidden=True).skipped == {OTHER: 1}
    assert len(find([tree], hidden=True).paths) == 5


def test_sources_that_overlap_are_listed_once(tree: Path) -> None:
    again = [tree / "deep", tree, tree / "deep" / "er", tree / "a.jpg", tree / "deep" / ".."]
    assert sorted(names(find(again), tree)) == ["B.PNG", "a.jpg", "deep/er/c.webp"]


@needs_links
def test_links_are_followed_once_and_round_no_circle(
    tree: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "far.jpg").write_bytes(b"x")
    (tree / "0 circle").symlink_to(tree)
    (tree / "0 away").symlink_to(elsewhere)
    (tree / "0 away again").symlink_to(elsewhere)
    (tree / "0 to a.jpg").symlink_to(tree / "a.jpg")
    (tree / "0 to far.jpg").symlink_to(elsewhere / "far.jpg")
    (tree / "0 nowhere.jpg").symlink_to(tree / "gone.jpg")
    (tree / "0 to itself.jpg").symlink_to(tree / "0 to itself.jpg")
    found = find([tree])
    listed = [path.name for path in found.paths]
    assert sorted(listed) == ["B.PNG", "a.jpg", "c.webp", "far.jpg"]
    assert found.skipped[LINK] == 4
    assert sorted(unread.path.name for unread in found.unread) == [
        "0 nowhere.jpg", "0 to itself.jpg",
    ]  # fmt: skip


@needs_links
def test_a_link_to_what_is_not_listed_is_marked(tree: Path) -> None:
    (tree / "deep" / "link.jpg").symlink_to(tree / "a.jpg")
    found = find([tree / "deep"])
    assert [path.name for path in found.links] == ["link.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_is_no_picture_whatever_its_name(tree: Path) -> None:
    os.mkfifo(tree / "pipe.jpg")
    assert find([tree]).skipped[OTHER] == 2


def test_a_folder_that_may_not_be_read_is_named_and_the_rest_is_read(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def refuse(folder: Path) -> object:
        if Path(folder).name == "er":
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find([tree])
    assert names(found, tree) == ["B.PNG", "a.jpg"]
    (unread,) = found.unread
    assert unread.path == tree / "deep" / "er"
    assert "Permission denied" in unread.reason


def test_what_is_not_there_is_an_error(tree: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        find([tree, tree / "gone"])
    with pytest.raises(InvalidInput, match="null"):
        find([Path("\0")])


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_a_list_names_files_from_its_own_folder_on(tree: Path, end: bytes) -> None:
    path = tree / "list.txt"
    path.write_bytes(end.join([b"a.jpg", b"", b"deep", os.fsencode(tree / "B.PNG")]) + end)
    assert names(find(read_list(path)), tree) == ["B.PNG", "a.jpg", "deep/er/c.webp"]
    path.write_bytes(end)
    with pytest.raises(InvalidInput, match="names no file"):
        read_list(path)


def test_what_a_list_names_may_be_gone(tree: Path) -> None:
    found = find([], listed=[tree / "a.jpg", tree / "gone.jpg"])
    assert names(found, tree) == ["a.jpg"]
    assert [(one.path.name, "No such file" in one.reason) for one in found.unread] == [
        ("gone.jpg", True)
    ]


def test_there_is_an_end_to_what_is_listed(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_list, "MAX_FILES", 2)
    with pytest.raises(RenzhengError, match="more than 2"):
        find([tree])
