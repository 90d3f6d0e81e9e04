"""The store: nothing is computed twice, and nothing stale or damaged is used."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from painted_pictures import paint, save
from renzheng import RenzhengError
from renzheng.images import file_list
from renzheng.images.duplicates import collection, store
from renzheng.images.duplicates.collection import Survey
from renzheng.images.duplicates.results import Link
from renzheng.images.duplicates.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(4):
        save(paint(seed), tmp_path / "pictures" / f"{seed}.png")
    return tmp_path / "pictures"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "store"


def look(folder: Path, place: Path) -> Survey:
    with Store(place) as kept:
        return collection.survey(file_list.find([folder]), kept)


def test_what_is_known_is_not_computed_again(folder: Path, place: Path) -> None:
    first = look(folder, place)
    assert first.computed == 4
    again = look(folder, place)
    assert again.computed == 0
    assert again.items == first.items
    for digest, known in first.known.items():
        np.testing.assert_array_equal(known.views, again.known[digest].views)


def test_only_what_is_new_or_changed_is_computed(folder: Path, place: Path) -> None:
    look(folder, place)
    (folder / "0.png").rename(folder / "moved.png")  # the same bytes elsewhere
    save(paint(50), folder / "1.png")
    save(paint(51), folder / "new.png")
    found = look(folder, place)
    assert found.computed == 2
    assert len(found.items) == 5


def test_a_change_that_keeps_size_and_date_is_seen(folder: Path, place: Path) -> None:
    path = folder / "0.png"
    before = path.stat()
    first = look(folder, place)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # of the checksum of the end
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = look(folder, place)
    assert {item.digest for item in found.items} != {item.digest for item in first.items}


def test_another_revision_is_computed_anew(
    folder: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(folder, place)
    monkeypatch.setattr(store, "REVISION", "another")
    assert look(folder, place).computed == 4
    assert look(folder, place).computed == 0


def test_features_and_ties_come_back_as_they_were(folder: Path, place: Path) -> None:
    found = look(folder, place)
    one, other, third, _ = found.known.values()
    content = (folder / "0.png").read_bytes()
    entry = collection.compute(content, "0.png")
    assert not isinstance(entry, str)
    with Store(place) as kept:
        features = kept.features(found.known[found.items[0].digest])
        for name in ("points", "frames", "descriptors"):
            np.testing.assert_array_equal(getattr(features, name), getattr(entry.features, name))
        assert features.size == (360, 280)
        assert kept.links(one, [other, third]) == {}
        link = Link(None, 30, 0.5, True, 0.75, 0.25, 0.875, 0.125)
        kept.put_links([(one.number, other.number, link), (one.number, third.number, None)])
        assert kept.links(one, [other, third]) == {other.number: link, third.number: None}


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_nobody_else_may_read_it(folder: Path, place: Path) -> None:
    look(folder, place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_what_is_no_store_is_refused_and_left_alone(place: Path) -> None:
    place.parent.mkdir()
    place.write_bytes(b"a letter to the editor " * 100)
    with pytest.raises(RenzhengError, match="--no-store"):
        Store(place)
    assert place.read_bytes().startswith(b"a letter")
    place.unlink()
    empty = place.with_name("empty.png")  # whose place no store takes
    empty.touch()
    with pytest.raises(RenzhengError, match="stays as it is"):
        Store(empty)
    assert not empty.read_bytes()
    with closing(sqlite3.connect(place)) as base:
        base.execute("CREATE TABLE letters (text)")
        base.commit()
    with pytest.raises(RenzhengError, match="something else"):
        Store(place)
    with closing(sqlite3.connect(place)) as base:
        base.execute("PRAGMA user_version = 1")  # as many programs have it
    with pytest.raises(RenzhengError, match="stays as it is"):
        Store(place)
    place.unlink()
    Store(place).__exit__(None, None, None)
    with closing(sqlite3.connect(place)) as base:
        base.execute("PRAGMA user_version = 99")
    with pytest.raises(RenzhengError, match="layout is 99"):
        Store(place)


def test_damage_is_an_error_in_words(folder: Path, place: Path) -> None:
    look(folder, place)
    with closing(sqlite3.connect(place)) as base:
        base.execute("UPDATE pictures SET views = x'0102'")
        base.commit()
    with pytest.raises(RenzhengError, match="damaged"):
        look(folder, place)
    content = bytearray(place.read_bytes())
    content[2048:] = b"\xaa" * (len(content) - 2048)
    place.write_bytes(content)
    with pytest.raises(RenzhengError, match="delete it"):
        look(folder, place)


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RenzhengError, match="cannot be written"):
        Store(tmp_path / "file" / "store")


def test_without_a_place_nothing_is_left(folder: Path) -> None:
    with Store(None) as kept:
        assert collection.survey(file_list.find([folder]), kept).computed == 4
