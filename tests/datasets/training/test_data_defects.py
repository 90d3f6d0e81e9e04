from __future__ import annotations

import gc
import struct
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_data_sources import contents, insightface, picture, samples, tar

from renzheng import InvalidInput
from renzheng.datasets.training import open_source
from renzheng.datasets.training.recordio import write_records
from renzheng.training import prepare as module
from renzheng.training.augmentation import Augmentation
from renzheng.training.prepare import JOURNAL, prepare


def test_insightface_records_are_told_from_pictures_without_an_index(tmp_path: Path) -> None:
    codes = insightface(tmp_path / "train.rec")
    (tmp_path / "train.idx").unlink()
    source = open_source(tmp_path / "train.rec")
    assert source.labels.tolist() == [0, 0, 1, 1]
    assert [source.content(i) for i in range(4)] == codes


def test_a_label_that_is_no_number_leaves_its_picture_out(tmp_path: Path) -> None:
    path = tmp_path / "train.rec"
    write_records(path, [(picture(i), i) for i in range(3)])
    content = bytearray(path.read_bytes())
    content[12:16] = struct.pack("<f", float("nan"))
    path.write_bytes(content)
    source = open_source(path)
    assert len(source) == 2
    assert "record 1" in source.problems[0]


@pytest.mark.parametrize("index", ["inf\t0\n", "1\t-8\n"])
def test_a_hostile_index_is_refused(tmp_path: Path, index: str) -> None:
    write_records(tmp_path / "train.rec", [(picture(0), 0), (picture(1), 1)])
    (tmp_path / "train.idx").write_text(index)
    with pytest.raises(InvalidInput):
        open_source(tmp_path / "train.rec")


def test_a_cut_file_without_an_index_is_named_by_place(tmp_path: Path) -> None:
    path = tmp_path / "train.rec"
    write_records(path, [(picture(0), 0), (picture(1), 1)])
    second = int(path.with_suffix(".idx").read_text().split()[3])
    path.with_suffix(".idx").unlink()
    path.write_bytes(path.read_bytes()[: second + 40])
    with pytest.raises(InvalidInput, match=f"byte {second}"):
        open_source(path)


@pytest.mark.parametrize("label", [-1, 1 << 24, 1 << 60])
def test_labels_that_floats_would_mix_up_are_not_written(tmp_path: Path, label: int) -> None:
    with pytest.raises(InvalidInput, match=str(label)):
        write_records(tmp_path / "train.rec", [(picture(0), 0), (picture(1), label)])


def test_a_shard_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.tar"
    tar(path, samples())
    with tarfile.open(path) as shard:
        place = shard.getmembers()[4].offset
    content = bytearray(path.read_bytes())
    content[place + 100] ^= 0x40
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=f"byte {place}"):
        open_source(path)


@pytest.mark.parametrize("label", [b"[" * 60_000, b'{"person": null}', b'{"person": [1]}'])
def test_labels_that_name_nobody_leave_their_picture_out(tmp_path: Path, label: bytes) -> None:
    tar(tmp_path / "one.tar", [*samples(), ("900.png", picture(9)), ("900.json", label)])
    source = open_source(tmp_path / "one.tar")
    assert source.people == ("0", "1")
    assert len(source.problems) == 1


def test_many_shards_need_few_open_files(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    for number in range(150):
        tar(tmp_path / f"{number:03d}.tar", samples(2))
    source = open_source(tmp_path)
    gc.collect()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 64
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 100, before[1]))
    try:
        assert len(contents(source)) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_the_crop_that_comes_back_is_never_the_one_given() -> None:
    crop = np.zeros((16, 16, 3), np.uint8)
    assert Augmentation(flip=0.0)(crop, np.random.default_rng(0)) is not crop


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    portrait = pytest.importorskip("skimage.data").astronaut()[:320, 60:380]
    for who in ("ann", "bob"):
        (tmp_path / "raw" / who).mkdir(parents=True)
        cv2.imwrite(
            str(tmp_path / "raw" / who / "1.png"), np.ascontiguousarray(portrait[:, :, ::-1])
        )
    return tmp_path / "raw"


@pytest.mark.parametrize("output", ["raw", "raw/ann", "."])
def test_pictures_in_the_output_are_never_overwritten(
    raw: Path, tmp_path: Path, output: str
) -> None:
    table = raw / "list.csv"
    table.write_text("picture,person\nann/1.png,ann\nbob/1.png,bob\n")
    before = (raw / "ann" / "1.png").read_bytes()
    for given in (table, raw):
        with pytest.raises(InvalidInput):
            prepare(given, tmp_path / output)
    assert (raw / "ann" / "1.png").read_bytes() == before
    assert not list(tmp_path.rglob(JOURNAL))


class Made:
    """A source of names only."""

    problems = ()
    digest = ""

    def __init__(self, *pictures: tuple[str, str]):
        self._pictures = pictures
        self.people = tuple(sorted({who for who, _ in pictures}))
        self.labels = np.array([self.people.index(who) for who, _ in pictures])

    def __len__(self) -> int:
        return len(self._pictures)

    def name(self, index: int) -> str:
        return self._pictures[index][1]

    def content(self, index: int) -> bytes:
        return b""


def test_no_two_people_and_no_two_pictures_share_a_name() -> None:
    people = [(who, "a.jpg") for who in ("Ann:1", "Ann_1", "ANN_1", "Ann_1.", "王" * 100)]
    pictures = [("p", f"p/{name}") for name in ("x-2.jpg", "x.jpg", "x.png", "X.jpg", "y.z.jpg")]
    names = module._crop_names(Made(*people, *pictures))
    assert len({name.casefold() for name in names}) == len(names)
    assert len({name.split("/")[0].casefold() for name in names[:5]}) == 5
    assert all(len(part.encode()) <= 255 for name in names for part in name.split("/"))
    assert names[5] == "p/x-2.png"
    assert names[9] == "p/y.z.png"
    records = module._crop_names(Made(("1", "train.rec record 8"), ("1", "train.rec record 9")))
    assert records == ["1/train.rec record 8.png", "1/train.rec record 9.png"]


def test_a_torn_line_costs_no_other(raw: Path, tmp_path: Path) -> None:
    prepare(raw, tmp_path / "out")
    journal = tmp_path / "out" / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[1][:20])
    prepare(raw, tmp_path / "out")
    continued = journal.read_bytes()
    prepare(raw, tmp_path / "out")
    assert journal.read_bytes() == continued
