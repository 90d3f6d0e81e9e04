from __future__ import annotations

import io
import pickle
import struct
import tarfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from renzheng import InvalidInput, UnreadableImage
from renzheng.datasets.training import Source, merge, open_source
from renzheng.datasets.training import recordio as rec
from renzheng.datasets.training.recordio import write_records
from renzheng.datasets.training.shards import write_shards

MAGIC = struct.pack("<I", 0xCED7230A)
HEADER = struct.Struct("<IfQQ")


def picture(seed: int) -> bytes:
    """A PNG of 16 x 16 px; each seed another."""
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)
    return cv2.imencode(".png", pixels)[1].tobytes()


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """3 people with 2 pictures each."""
    folder = tmp_path / "people"
    for who, name in enumerate(("ann", "bob", "cy")):
        (folder / name).mkdir(parents=True)
        for n in range(2):
            (folder / name / f"{n}.png").write_bytes(picture(10 * who + n))
    return folder


def contents(source: Source) -> list[tuple[str, bytes]]:
    """Whose each picture is, and its bytes."""
    return [(source.people[source.labels[i]], source.content(i)) for i in range(len(source))]


def tar(path: Path, members: Sequence[tuple[str, bytes]]) -> None:
    with tarfile.open(path, "w") as shard:
        for name, body in members:
            member = tarfile.TarInfo(name)
            member.size = len(body)
            shard.addfile(member, io.BytesIO(body))


def samples(count: int = 4) -> list[tuple[str, bytes]]:
    """Pictures of two people by turns, as WebDataset names them."""
    return [
        part
        for i in range(count)
        for part in ((f"{i:06d}.png", picture(i)), (f"{i:06d}.cls", str(i % 2).encode()))
    ]


# --- folders and tables ----------------------------------------------------------------------


def test_a_folder_of_people_is_read(people: Path) -> None:
    source = open_source(people)
    assert source.people == ("ann", "bob", "cy")
    assert source.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert source.labels.dtype == np.int64
    assert [source.name(i) for i in range(3)] == ["ann/0.png", "ann/1.png", "bob/0.png"]
    assert source.content(2) == picture(10)
    assert source.problems == ()


def test_an_empty_folder_and_one_person_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no pictures"):
        open_source(tmp_path)
    (tmp_path / "ann").mkdir()
    (tmp_path / "ann" / "0.png").write_bytes(picture(0))
    (tmp_path / "ann" / "1.png").write_bytes(picture(1))
    with pytest.raises(InvalidInput, match="two people"):
        open_source(tmp_path)


def test_a_table_is_read_from_its_root_and_says_what_it_left_out(
    people: Path, tmp_path: Path
) -> None:
    table = tmp_path / "list.csv"
    table.write_text("picture,person\nann/0.png,Z\nbob/0.png,A\ngone.png,A\ncy/0.png,\n")
    source = open_source(table, people)
    assert source.people == ("A", "Z")
    assert contents(source) == [("Z", picture(0)), ("A", picture(10))]
    assert len(source.problems) == 2
    assert "row 4" in source.problems[0]
    assert "gone.png" in source.problems[0]
    assert "row 5" in source.problems[1]
    table.write_text("picture,person\nann/0.png,Z\nann/1.png,Z\n")
    with pytest.raises(InvalidInput, match="two people"):
        open_source(table, people)


def test_a_file_that_vanished_is_an_unreadable_picture(people: Path) -> None:
    source = open_source(people)
    (people / "ann" / "1.png").unlink()
    with pytest.raises(UnreadableImage, match=r"1\.png"):
        source.content(1)


def test_what_cannot_be_opened_is_told_what_can(tmp_path: Path) -> None:
    (tmp_path / "notes.doc").write_text("")
    with pytest.raises(InvalidInput, match=r"notes\.doc") as refused:
        open_source(tmp_path / "notes.doc")
    for kind in ("folder of people", ".tar", ".csv", ".rec"):
        assert kind in str(refused.value.remedy)
    with pytest.raises(InvalidInput, match="no such file"):
        open_source(tmp_path / "nowhere")


def test_the_digest_follows_names_and_people(people: Path) -> None:
    before = open_source(people).digest
    assert open_source(people).digest == before
    (people / "ann" / "1.png").rename(people / "bob" / "2.png")
    moved = open_source(people).digest
    (people / "bob").rename(people / "bert")
    assert len({before, moved, open_source(people).digest}) == 3


def test_merged_sources_keep_people_of_one_name_apart(people: Path, tmp_path: Path) -> None:
    write_shards(open_source(people), tmp_path / "shards")
    parts = [open_source(people), open_source(tmp_path / "shards")]
    both = merge(parts)
    assert len(both) == 12
    assert len(both.people) == 6
    assert both.labels.tolist() == np.repeat(np.arange(6), 2).tolist()
    assert [both.content(i) for i in range(12)] == [
        part.content(i) for part in parts for i in range(6)
    ]
    assert both.digest not in {part.digest for part in parts}
    with pytest.raises(InvalidInput):
        merge([])


# --- RecordIO --------------------------------------------------------------------------------


@given(st.lists(st.sampled_from([MAGIC, MAGIC[:2], b"\0", b"ab", b"abcd", b"\xff" * 7])))
@example([MAGIC])
@example([MAGIC, MAGIC])
@example([b"a", MAGIC, b"abc", MAGIC])
@example([b"abcd", MAGIC, b"e"])
@example([])
def test_any_content_comes_back_from_its_frame(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    file = io.BytesIO()
    rec._write(file, content)
    end = file.tell()
    rec._write(file, b"the next one")
    assert end % 4 == 0
    assert rec._record(file, 0, 1 << 20) == content  # type: ignore[arg-type]
    assert file.tell() == end
    # dmlc's readers look for a frame at every aligned magic number: there must be no other.
    framed = file.getvalue()[:end]
    aligned = [i for i in range(0, end, 4) if framed[i : i + 4] == MAGIC]
    place, heads = 0, []
    while place < end:
        heads.append(place)
        length = struct.unpack_from("<I", framed, place + 4)[0] & (1 << 29) - 1
        place += 8 + length + -length % 4
    assert aligned == heads


def test_a_frame_is_what_dmlc_writes() -> None:
    file = io.BytesIO()
    rec._write(file, b"abcd" + MAGIC + b"ef")
    first, last = 1 << 29 | 4, 3 << 29 | 2
    assert file.getvalue() == (
        MAGIC + struct.pack("<I", first) + b"abcd" + MAGIC + struct.pack("<I", last) + b"ef\0\0"
    )


@pytest.mark.parametrize("index", [True, False])
def test_records_come_back(tmp_path: Path, index: bool) -> None:
    path = tmp_path / "train.rec"
    codes = [picture(0), picture(1) + 3 * MAGIC, b"abcd" + MAGIC, b""]
    assert write_records(path, zip(codes, (7, 7, 30, 30), strict=True)) == 4
    if not index:
        path.with_suffix(".idx").unlink()
    source = open_source(path)
    assert source.labels.tolist() == [0, 0, 1, 1]
    assert [int(person) for person in source.people] == [7, 30]
    assert [source.content(i) for i in (3, 2, 1, 0)] == codes[::-1]


def insightface(path: Path) -> list[bytes]:
    """A set as InsightFace lays it out: a header, pictures, then a record for each person."""
    codes = [picture(i) for i in range(4)]
    records = [HEADER.pack(2, 0, 0, 0) + struct.pack("<2f", 5, 7)]
    records += [
        HEADER.pack(0, who, 0, 0) + code for who, code in zip((0, 0, 1, 1), codes, strict=True)
    ]
    records += [HEADER.pack(2, 0, 0, 0) + struct.pack("<2f", *r) for r in ((1, 3), (3, 5))]
    places = []
    with path.open("wb") as file:
        for record in records:
            places.append(file.tell())
            rec._write(file, record)
    lines = (f"{key}\t{place}\n" for key, place in enumerate(places))
    path.with_suffix(".idx").write_text("".join(lines))
    return codes


def test_insightface_records_of_people_are_no_pictures(tmp_path: Path) -> None:
    codes = insightface(tmp_path / "train.rec")
    source = open_source(tmp_path / "train.rec")
    assert source.labels.tolist() == [0, 0, 1, 1]
    assert [source.content(i) for i in range(4)] == codes


def test_several_labels_stand_before_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "train.rec"
    with path.open("wb") as file:
        for who in (3, 4):
            rec._write(file, HEADER.pack(3, 0, 0, 0) + struct.pack("<3f", who, 8, 9) + picture(who))
    source = open_source(path)
    assert [int(person) for person in source.people] == [3, 4]
    assert [source.content(i) for i in range(2)] == [picture(3), picture(4)]


def test_damaged_records_are_named_by_their_place(tmp_path: Path) -> None:
    path = tmp_path / "train.rec"
    write_records(path, [(picture(0), 0), (picture(1), 1)])
    second = int(path.with_suffix(".idx").read_text().split()[3])
    whole = path.read_bytes()
    path.write_bytes(whole[: second + 40])  # cut within the second picture
    with pytest.raises(InvalidInput, match=f"byte {second}"):
        open_source(path).content(1)
    path.write_bytes(whole[:second] + b"\0\0\0\0" + whole[second + 4 :])
    with pytest.raises(InvalidInput, match=f"byte {second}"):
        open_source(path)
    many = bytearray(whole)
    many[8:12] = struct.pack("<I", 1 << 30)  # labels by the flag
    path.write_bytes(many)
    with pytest.raises(InvalidInput, match="labels"):
        open_source(path)
    path.write_bytes(whole[: second + 40])
    path.with_suffix(".idx").unlink()
    with pytest.raises(InvalidInput, match=r"train\.rec"):
        open_source(path)


@pytest.mark.parametrize("text", ["no numbers", "1\t99999999\n", "1\t4\n", "1 2 3\n"])
def test_a_wrong_index_is_refused(tmp_path: Path, text: str) -> None:
    write_records(tmp_path / "train.rec", [(picture(0), 0), (picture(1), 1)])
    (tmp_path / "train.idx").write_text(text)
    with pytest.raises(InvalidInput):
        open_source(tmp_path / "train.rec")


# --- shards ----------------------------------------------------------------------------------


def test_shards_come_back(people: Path, tmp_path: Path) -> None:
    source = open_source(people)
    paths = write_shards(source, tmp_path / "shards", per_shard=4)
    assert [path.name for path in paths] == ["shard-000000.tar", "shard-000001.tar"]
    packed = open_source(tmp_path / "shards")
    assert contents(packed) == contents(source)
    assert len(open_source(paths[0])) == 4
    with pytest.raises(InvalidInput, match="already"):
        write_shards(source, tmp_path / "shards")


def test_people_are_read_from_text_and_json(tmp_path: Path) -> None:
    members = [
        *(("a.png", picture(0)), ("a.cls", "José\n".encode())),
        *(("b.json", b'{"person": 7, "age": 30}'), ("b.jpg", picture(1))),
        *(("c.png", picture(2)), ("c.json", b"not json")),
        *(("d.png", picture(3)), ("readme.txt", b"hello")),
    ]
    tar(tmp_path / "one.tar", members)
    source = open_source(tmp_path / "one.tar")
    assert contents(source) == [("José", picture(0)), ("7", picture(1))]
    assert len(source.problems) == 2


def test_links_and_odd_members_are_passed_over(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"secret")
    with tarfile.open(tmp_path / "one.tar", "w") as shard:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            odd = tarfile.TarInfo(f"odd{kind.decode()}.png")
            odd.type, odd.linkname = kind, str(secret)
            shard.addfile(odd)
            label = tarfile.TarInfo(f"odd{kind.decode()}.cls")
            label.size = 1
            shard.addfile(label, io.BytesIO(b"5"))
        for name, body in [*samples(), ("../../up.png", picture(9)), ("../../up.cls", b"0")]:
            member = tarfile.TarInfo(name)
            member.size = len(body)
            shard.addfile(member, io.BytesIO(body))
    before = sorted(tmp_path.rglob("*"))
    source = open_source(tmp_path / "one.tar")
    assert source.people == ("0", "1")
    assert all(source.content(i) != b"secret" for i in range(len(source)))
    assert sorted(tmp_path.rglob("*")) == before  # nothing is unpacked


def test_broken_shards_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.tar"
    path.write_bytes(b"this is no tar" * 100)
    with pytest.raises(InvalidInput, match=r"one\.tar"):
        open_source(path)
    with tarfile.open(path, "w:gz"):
        pass
    with pytest.raises(InvalidInput, match=r"one\.tar"):
        open_source(path)
    tar(path, samples())
    path.write_bytes(path.read_bytes()[: 512 + 100])  # cut within the first picture
    with pytest.raises(InvalidInput):
        open_source(path)


# --- other processes -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "table", "rec", "tar", "merged"])
def test_sources_go_to_other_processes(people: Path, tmp_path: Path, kind: str) -> None:
    folder = open_source(people)
    if kind == "table":
        rows = (f"{folder.name(i)},{folder.people[folder.labels[i]]}\n" for i in range(6))
        (tmp_path / "list.csv").write_text("picture,person\n" + "".join(rows))
        source = open_source(tmp_path / "list.csv", people)
    elif kind == "rec":
        pairs = ((folder.content(i), int(folder.labels[i])) for i in range(6))
        write_records(tmp_path / "train.rec", pairs)
        source = open_source(tmp_path / "train.rec")
    elif kind == "tar":
        write_shards(folder, tmp_path / "shards", per_shard=4)
        source = open_source(tmp_path / "shards")
    else:
        source = merge([folder, folder]) if kind == "merged" else folder
    wanted = contents(source)  # opens what it reads from, which must not travel
    copy = pickle.loads(pickle.dumps(source))
    assert contents(copy) == wanted
    assert contents(source) == wanted
    assert (copy.people, copy.digest) == (source.people, source.digest)
