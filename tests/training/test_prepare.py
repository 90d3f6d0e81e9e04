from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from renzheng import InvalidInput
from renzheng.datasets.training import open_source
from renzheng.training import prepare as module
from renzheng.training.prepare import DROPPED, JOURNAL, Settings, prepare


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """A real face, uint8 (H, W, 3) RGB: NASA's portrait of Eileen Collins, public domain."""
    data = pytest.importorskip("skimage.data")
    return np.asarray(data.astronaut())[:320, 60:380]


@pytest.fixture
def raw(tmp_path: Path, portrait: np.ndarray) -> Path:
    """2 people; among their pictures one that is broken, and one without a face."""
    folder = tmp_path / "raw"
    for who in ("ann", "bob"):
        (folder / who).mkdir(parents=True)
    for place, pixels in (
        ("ann/1.png", portrait),
        ("ann/3.jpg", np.full((200, 200, 3), 128, np.uint8)),
        ("bob/1.png", portrait[:, ::-1]),
        ("bob/2.png", portrait // 2),
    ):
        cv2.imwrite(str(folder / place), np.ascontiguousarray(pixels[:, :, ::-1]))
    (folder / "ann" / "2.png").write_bytes((folder / "ann" / "1.png").read_bytes()[:2000])
    return folder


@pytest.fixture
def cuts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pictures that are worked on from now on."""
    seen: list[str] = []
    cut = module._Cutter.__call__

    def noted(self: module._Cutter, content: bytes, name: str) -> module.Result:
        seen.append(name)
        return cut(self, content, name)

    monkeypatch.setattr(module._Cutter, "__call__", noted)
    return seen


def crops(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.glob("*/*")}


def test_faces_are_cut_and_the_rest_is_named(raw: Path, tmp_path: Path) -> None:
    before = crops(raw)
    told: list[tuple[int, int]] = []
    found = prepare(raw, tmp_path / "out", progress=lambda *now: told.append(now))
    assert found.kept == 3
    assert sum(found.dropped.values()) == 2
    assert set(found.dropped) == {"unreadable", "no face was found"}
    assert sorted(crops(tmp_path / "out")) == ["ann/1.png", "bob/1.png", "bob/2.png"]
    rows = list(csv.reader((tmp_path / "out" / DROPPED).read_text(encoding="utf-8").splitlines()))
    assert [row[0] for row in rows] == ["picture", "ann/2.png", "ann/3.jpg"]
    assert rows[1][1].startswith("unreadable")
    assert "no face" in rows[2][1]
    assert told[-1] == (5, 5)
    assert crops(raw) == before


def test_the_crops_are_aligned_and_can_be_trained_on(raw: Path, tmp_path: Path) -> None:
    prepare(raw, tmp_path / "out")
    source = open_source(tmp_path / "out")
    assert source.people == ("ann", "bob")
    assert len(source) == 3
    upright, mirrored, dark = (
        cv2.imdecode(np.frombuffer(source.content(i), np.uint8), cv2.IMREAD_COLOR).astype(float)
        for i in range(3)
    )
    assert upright.shape == (112, 112, 3)
    # The template is nearly symmetric and knows no brightness, so these are the same face.
    assert np.corrcoef(upright.ravel(), mirrored[:, ::-1].ravel())[0, 1] > 0.95
    assert (
        np.corrcoef(upright.ravel(), dark[:, ::-1].ravel())[0, 1]
        < np.corrcoef(upright.ravel(), dark.ravel())[0, 1]
    )
    assert upright.mean() > 1.8 * dark.mean()


def test_template_and_size_are_as_asked(raw: Path, tmp_path: Path) -> None:
    small = prepare(raw, tmp_path / "out", Settings(template="facenet-160", size=64))
    assert small.kept == 3
    shapes = {cv2.imread(str(p)).shape for p in (tmp_path / "out").glob("*/*.png")}
    assert shapes == {(64, 64, 3)}


def test_a_second_run_does_nothing(raw: Path, tmp_path: Path, cuts: list[str]) -> None:
    first = prepare(raw, tmp_path / "out")
    assert len(cuts) == 5
    before, journal = crops(tmp_path / "out"), (tmp_path / "out" / JOURNAL).read_bytes()
    cuts.clear()
    assert prepare(raw, tmp_path / "out") == first
    assert cuts == []
    assert crops(tmp_path / "out") == before
    assert (tmp_path / "out" / JOURNAL).read_bytes() == journal


def test_a_run_that_was_killed_is_continued(
    raw: Path, tmp_path: Path, cuts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = prepare(raw, tmp_path / "whole")
    monkeypatch.setattr(module, "_CHUNK", 1)
    cuts.clear()

    def killed(done: int, count: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(raw, tmp_path / "out", progress=killed)
    journal = tmp_path / "out" / JOURNAL
    assert len(journal.read_text().splitlines()) == 2
    journal.write_bytes(journal.read_bytes() + b'{"crop": "ann/3.p')  # killed in the midst of it
    cuts.clear()
    assert prepare(raw, tmp_path / "out") == wanted
    assert cuts == ["ann/3.jpg", "bob/1.png", "bob/2.png"]
    assert crops(tmp_path / "out") == crops(tmp_path / "whole")


def test_what_changed_or_was_lost_is_done_again(
    raw: Path, tmp_path: Path, cuts: list[str], portrait: np.ndarray
) -> None:
    prepare(raw, tmp_path / "out")
    cuts.clear()
    (raw / "bob" / "1.png").write_bytes((raw / "ann" / "3.jpg").read_bytes())  # no face any more
    (raw / "ann" / "2.png").write_bytes((raw / "ann" / "1.png").read_bytes())  # mended
    (tmp_path / "out" / "bob" / "2.png").unlink()
    again = prepare(raw, tmp_path / "out")
    assert cuts == ["ann/2.png", "bob/1.png", "bob/2.png"]
    assert (again.kept, sum(again.dropped.values())) == (3, 2)
    assert sorted(crops(tmp_path / "out")) == ["ann/1.png", "ann/2.png", "bob/2.png"]


def test_processes_give_the_same_crops(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = prepare(raw, tmp_path / "one")
    monkeypatch.setattr(module, "_CHUNK", 1)  # so that there is work for more than one
    assert prepare(raw, tmp_path / "two", workers=2) == one
    assert crops(tmp_path / "two") == crops(tmp_path / "one")


def test_a_table_is_prepared_too_and_names_stay_in_the_output(raw: Path, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("picture,person\nraw/ann/1.png,../../up\nraw/bob/1.png,.hidden\n")
    before = sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert prepare(table, tmp_path / "out").kept == 2
    new = sorted(p for p in tmp_path.rglob("*") if p.is_file() and p not in before)
    assert all(p.is_relative_to(tmp_path / "out") for p in new)
    assert len(open_source(tmp_path / "out").people) == 2


def test_pictures_of_one_name_both_get_a_crop(
    raw: Path, tmp_path: Path, portrait: np.ndarray
) -> None:
    cv2.imwrite(str(raw / "bob" / "1.jpg"), np.ascontiguousarray(portrait[:, :, ::-1]))
    assert prepare(raw, tmp_path / "out").kept == 4
    assert len(crops(tmp_path / "out")) == 4


@pytest.mark.parametrize("inside", [".", "ann", "ann/crops", "new"])
def test_an_output_inside_the_input_is_refused(raw: Path, inside: str) -> None:
    before = crops(raw)
    with pytest.raises(InvalidInput, match="among the pictures"):
        prepare(raw, raw / inside)
    assert crops(raw) == before
    assert not (raw / JOURNAL).exists()


def test_other_settings_want_another_folder(raw: Path, tmp_path: Path) -> None:
    prepare(raw, tmp_path / "out")
    before = crops(tmp_path / "out")
    with pytest.raises(InvalidInput, match="other settings"):
        prepare(raw, tmp_path / "out", Settings(size=64))
    assert crops(tmp_path / "out") == before


def test_what_cannot_be_prepared_is_refused(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="arcface-112"):
        prepare(raw, tmp_path / "out", Settings(template="square"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no pictures"):
        prepare(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_journal_is_read_by_line(raw: Path, tmp_path: Path) -> None:
    prepare(raw, tmp_path / "out")
    lines = (tmp_path / "out" / JOURNAL).read_text(encoding="utf-8").splitlines()
    entries = {entry["crop"]: entry for entry in map(json.loads, lines)}
    assert len(entries) == 5
    assert entries["ann/1.png"]["dropped"] == ""
    assert len(entries["ann/1.png"]["digest"]) == 64
