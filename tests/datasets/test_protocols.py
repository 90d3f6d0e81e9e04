"""Readers of protocols, and data that is not what it should be."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from renzheng import InvalidInput
from renzheng._support import csv_tables
from renzheng.datasets import insightface, lfw, people
from renzheng.datasets.table import read_pairs, read_people, read_presentations

Write = Callable[..., Path]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in "abcd":
        (tmp_path / f"{name}.jpg").write_bytes(name.encode())
    return tmp_path


def test_a_table_of_pairs(files: Path, table: Write) -> None:
    path = table(
        "\ufeffReference; Probe; LABEL; camera",
        "a.jpg;b.jpg;1;desk",
        "",
        "a.jpg;c.jpg;impostor;gate",
    )
    pairs = read_pairs(path)
    assert [p.name for p in pairs.pictures] == ["a.jpg", "b.jpg", "c.jpg"]
    np.testing.assert_array_equal(pairs.same, [True, False])
    assert list(pairs.groups) == ["camera"]
    assert list(pairs.groups["camera"]) == ["desk", "gate"]
    assert pairs.person[0] == pairs.person[1] != pairs.person[2]
    assert list(pairs.where) == ["pairs.csv row 2", "pairs.csv row 4"]
    assert not pairs.problems


def test_people_instead_of_labels_and_folds(files: Path, table: Write) -> None:
    pairs = read_pairs(
        table(
            "reference,probe,reference_person,probe_person,fold",
            "a.jpg,b.jpg,Ann,Ann,x",
            "c.jpg,d.jpg,Ben,Cy,y",
        )
    )
    np.testing.assert_array_equal(pairs.same, [True, False])
    assert pairs.folds is not None
    np.testing.assert_array_equal(pairs.folds, [0, 1])
    assert len(set(pairs.person)) == 3


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.jpg,gone.jpg,1", "no probe file"),
        ("a.jpg,,1", "no probe file"),
        ("a.jpg,a.jpg,1", "same file"),
        ("b.jpg,a.jpg,1", "the same pair as pairs.csv row 2"),
        ("a.jpg,c.jpg,maybe", "'maybe'"),
        ("a.jpg,c.jpg", "label is ''"),
    ],
)
def test_a_bad_row_is_named_and_left_out(files: Path, table: Write, row: str, reason: str) -> None:
    pairs = read_pairs(table("reference,probe,label", "a.jpg,b.jpg,1", row, "c.jpg,d.jpg,0"))
    assert len(pairs.same) == 2
    (problem,) = pairs.problems
    assert problem.where == "pairs.csv row 3"
    assert reason in problem.reason


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([""], "empty"),
        (["reference,probe,label"], "no rows"),
        (["picture,person", "a.jpg,x"], "lacks the column"),
        (["reference,probe,label,label", "a.jpg,b.jpg,1,1"], "same name"),
        (["reference,probe,label", "x.jpg,y.jpg,1"], "no pair can be used"),
        (["reference,probe,label", 'a.jpg,"b.jpg,1'], "not CSV"),
        (
            ["reference,probe,label", "a.jpg,b.jpg,1", "b.jpg,c.jpg,1", "a.jpg,c.jpg,0"],
            "row 4 calls two pictures different people",
        ),
    ],
)
def test_a_table_that_cannot_be_used(
    files: Path, table: Write, rows: list[str], reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        read_pairs(table(*rows))


def test_a_table_in_another_encoding_or_place(files: Path) -> None:
    path = files / "pairs.csv"
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_pairs(path)
    path.write_bytes("reference,probe,label\nä.jpg,b.jpg,1\n".encode("latin1"))
    with pytest.raises(InvalidInput, match="not UTF-8"):
        read_pairs(path)
    path.write_text("reference,probe,label\na.jpg,b.jpg,1\nc.jpg,d.jpg,0\n")
    moved = files / "elsewhere"
    moved.mkdir()
    path.rename(moved / "pairs.csv")
    assert len(read_pairs(moved / "pairs.csv", files).same) == 2


def test_one_kind_alone_has_no_error_rates(files: Path, table: Write) -> None:
    pairs = read_pairs(table("reference,probe,label", "a.jpg,b.jpg,1", "c.jpg,gone.jpg,0"))
    with pytest.raises(InvalidInput, match=r"no impostor one \(left out: pairs.csv row 3"):
        pairs.require_both()


def test_a_table_of_people(files: Path, table: Write) -> None:
    found = read_people(
        table("picture,person,site", "a.jpg,Ann,x", "b.jpg,Ann,y", "c.jpg,Ben,x", "gone.jpg,Ben,x",
              "d.jpg,,x", "a.jpg,Ben,x")
    )  # fmt: skip
    np.testing.assert_array_equal(found.person, [0, 0, 1])
    assert list(found.groups["site"]) == ["x", "y", "x"]
    reasons = [p.reason for p in found.problems]
    assert ["no file" in reasons[0], "missing" in reasons[1], "before" in reasons[2]] == [True] * 3
    with pytest.raises(InvalidInput, match="two people"):
        read_people(table("picture,person", "a.jpg,Ann", "b.jpg,Ann"))


def test_a_folder_of_people(tmp_path: Path) -> None:
    for place in (
        "Ann/1.jpg",
        "Ann/2.PNG",
        "Ben/1.jpg",
        "Ben/notes.txt",
        ".git/1.jpg",
        "Cy/.1.jpg",
    ):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        (tmp_path / place).write_bytes(b"")
    found = people.read(tmp_path)
    assert [p.name for p in found.pictures] == ["Ann/1.jpg", "Ann/2.PNG", "Ben/1.jpg"]
    for wrong in (tmp_path / "Ann", tmp_path / "nowhere"):
        with pytest.raises(InvalidInput):
            people.read(wrong)


def lfw_folder(folder: Path, pairs: str) -> Path:
    (folder / "lfw-deepfunneled").mkdir()
    (folder / "pairs.txt").write_text(pairs)
    return folder


def test_lfw_lists_as_they_are_distributed(tmp_path: Path) -> None:
    lists = "2\t1\nAnn_Lee\t1\t2\nAnn_Lee\t3\tBen\t1\nCy\t1\t4\nBen\t2\tCy\t1\n"
    pairs = lfw.read(lfw_folder(tmp_path, lists))
    assert pairs.folds is not None
    np.testing.assert_array_equal(pairs.folds, [0, 0, 1, 1])
    np.testing.assert_array_equal(pairs.same, [True, False, True, False])
    assert pairs.pictures[0].source == tmp_path / "lfw-deepfunneled/Ann_Lee/Ann_Lee_0001.jpg"
    assert len(np.unique(pairs.person)) == 3


@pytest.mark.parametrize("lists", ["", "2\t1\nAnn\t1\n", "2\t1\nAnn\tone\ttwo\n", "\x00\x01"])
def test_a_list_that_is_not_lfws(tmp_path: Path, lists: str) -> None:
    with pytest.raises(InvalidInput):
        lfw.read(lfw_folder(tmp_path, lists))


def test_lfw_folders_that_lack_something(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no folder of pictures"):
        lfw.read(tmp_path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        lfw.read(lfw_folder(tmp_path, ""), view=1)
    with pytest.raises(InvalidInput, match="view 1 and view 2"):
        lfw.read(tmp_path, view=3)


def test_lfw_view_2_has_its_known_shape(assets: Path) -> None:
    pairs = lfw.read(assets / "lfw")
    assert (len(pairs.same), int(pairs.same.sum()), len(pairs.pictures)) == (6000, 3000, 7701)
    assert pairs.folds is not None
    assert [int(pairs.same[pairs.folds == k].sum()) for k in range(10)] == [300] * 10


def jpeg(shade: int) -> bytes:
    code = io.BytesIO()
    Pillow.new("RGB", (8, 8), (shade, 0, 0)).save(code, "JPEG")
    return code.getvalue()


CODES = [jpeg(shade) for shade in (10, 60, 10, 200)]  # the first picture comes twice


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("form", ["bytes", "arrays", "flags of numpy"])
def test_an_insightface_set_as_either_python_wrote_it(
    tmp_path: Path, protocol: int, form: str
) -> None:
    codes: list[object] = list(CODES)
    labels: list[object] = [True, False]
    if form == "arrays":
        codes = [np.frombuffer(code, np.uint8) for code in CODES]
    if form == "flags of numpy":
        labels = [np.True_, np.bool_(False)]
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps((codes, labels), protocol=protocol))
    pairs = insightface.read(path)
    assert [p.source for p in pairs.pictures] == [CODES[0], CODES[1], CODES[3]]
    np.testing.assert_array_equal(pairs.reference, [0, 0])
    np.testing.assert_array_equal(pairs.probe, [1, 2])
    np.testing.assert_array_equal(pairs.same, [True, False])


class _Touch:
    """Makes a file when a pickle of it is loaded carelessly."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.path),)


def test_a_pickle_that_would_run_code_runs_none(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    path = tmp_path / "set.bin"
    path.write_bytes(pickle.dumps(([_Touch(victim)] * 2, [True])))
    with pytest.raises(InvalidInput, match="mkdir"):
        insightface.read(path)
    assert not victim.exists()
    pickle.loads(path.read_bytes())  # the trap works
    assert victim.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps(5),
        pickle.dumps(([], [])),
        pickle.dumps(([b"a", b"b"], [True, False])),
        pickle.dumps(([b"a", b""], [True])),
        pickle.dumps(([b"a", 7], [True])),
        pickle.dumps(([b"a", b"b"], ["yes"])),
        pickle.dumps((CODES, [True, False]))[:-20],
        b"\x80\x04cnumpy.core.multiarray\nexec\n.",
        b"\x80\x04\x8c\x05numpy\x8c\x0fcore.os.ndarray\x93.",
        b"\x80\x02]r\xff\xff\xff\xff.",  # a memo index that C would make room for
        b"(" * 200_000,
    ],
)
def test_a_broken_set_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "set.bin"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="not a set"):
        insightface.read(path)


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        insightface.read(tmp_path / "gone.bin")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    (tmp_path / "lfw").mkdir()
    (tmp_path / "pairs.txt").symlink_to(pipe)
    for endless in (pipe, Path("/dev/zero"), tmp_path):
        for read in (read_pairs, read_people, read_presentations, insightface.read):
            with pytest.raises(InvalidInput, match="not a regular file"):
                read(endless)
    with pytest.raises(InvalidInput, match=r"LFW's list cannot be read.*not a regular file"):
        lfw.read(tmp_path)


def test_a_table_is_of_bounded_size(
    files: Path, table: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = table("picture,person", "a.jpg,Ann", "b.jpg,Ben")
    monkeypatch.setattr(csv_tables, "MAX_BYTES", path.stat().st_size)
    assert len(read_people(path).pictures) == 2
    monkeypatch.setattr(csv_tables, "MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(InvalidInput, match="larger than"):
        read_people(path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_people(Path("a\0b"))
