"""Reading a collection, whatever happens meanwhile."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from painted_pictures import paint, save
from renzheng.images import file_list
from renzheng.images.duplicates import collection
from renzheng.images.duplicates.collection import Survey
from renzheng.images.duplicates.store import Store


def look(found: file_list.Listing, workers: int = 1) -> Survey:
    with Store(None) as kept:
        return collection.survey(found, kept, workers=workers)


def reasons(found: Survey) -> dict[str, str]:
    return {one.path.name: one.reason for one in found.unread}


def test_what_cannot_be_read_is_named_with_the_reason(tmp_path: Path) -> None:
    save(paint(0), tmp_path / "good.png")
    (tmp_path / "text.jpg").write_text("hello")
    (tmp_path / "empty.jpg").write_bytes(b"")
    content = (tmp_path / "good.png").read_bytes()
    (tmp_path / "half.png").write_bytes(content[: len(content) // 2])
    save(np.zeros((4, 4, 3), np.uint8), tmp_path / "tiny.png")
    with (tmp_path / "endless.png").open("wb") as file:
        file.truncate(60 << 20)
    found = look(file_list.find([tmp_path]))
    assert [item.path.name for item in found.items] == ["good.png"]
    told = reasons(found)
    assert set(told) == {"text.jpg", "empty.jpg", "half.png", "tiny.png", "endless.png"}
    assert "not a picture" in told["text.jpg"]
    assert "empty" in told["empty.jpg"]
    assert "larger than 50 MiB" in told["endless.png"]
    assert "truncated" in told["half.png"]


def test_a_huge_picture_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from PIL import Image as Pillow

    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", None)
    Pillow.new("1", (30_000, 30_000)).save(tmp_path / "huge.png")
    assert "megapixels" in reasons(look(file_list.find([tmp_path])))["huge.png"]


def test_a_file_that_goes_between_listing_and_reading_is_named(tmp_path: Path) -> None:
    for seed in range(3):
        save(paint(seed), tmp_path / f"{seed}.png")
    found = file_list.find([tmp_path])
    (tmp_path / "1.png").unlink()
    came = look(found)
    assert len(came.items) == 2
    assert "the file is gone" in reasons(came)["1.png"]


def test_bytes_that_are_there_twice_are_computed_once(tmp_path: Path) -> None:
    content = save(paint(0), tmp_path / "0.png").read_bytes()
    for n in range(1, 5):
        (tmp_path / f"{n}.png").write_bytes(content)
    found = look(file_list.find([tmp_path]))
    assert found.computed == 1
    assert len(found.items) == 5


def test_unreadable_bytes_that_are_there_twice_are_named_twice(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_text("no picture")
    assert set(reasons(look(file_list.find([tmp_path])))) == {"a.jpg", "b.jpg"}


def test_workers_change_nothing(tmp_path: Path) -> None:
    for seed in range(70):
        save(paint(seed, 96, 72), tmp_path / f"{seed}.png")
    (tmp_path / "text.jpg").write_text("hello")
    found = file_list.find([tmp_path])
    one, two = look(found), look(found, workers=2)
    assert one.items == two.items
    assert one.unread == two.unread
    for digest, known in one.known.items():
        np.testing.assert_array_equal(known.views, two.known[digest].views)
