"""A gallery: what is added is found, what is removed is gone, and what is no match says so."""

from __future__ import annotations

import dataclasses
import multiprocessing
import unicodedata
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renzheng import InvalidInput, PackError, RenzhengError, Verifier
from renzheng.gallery import Condition, Entry, Gallery, SearchPolicy, index
from renzheng.types import Floats

Make = Callable[..., list[Entry]]
Unit = Callable[..., Floats]


def test_an_entry_comes_back_as_it_was(gallery: Gallery, unit: Unit) -> None:
    entry = Entry(
        "编号/1 'x'",
        unit(1)[0],
        person="安娜",
        metadata={"country": "CN", "age": 31, "weight": 61.5, "vip": False},
        source="照片/anna.jpg",
        picture="ab" * 32,
    )
    gallery.add([entry])
    again = Gallery.open(gallery._engine.where).get(entry.id)
    assert again is not None
    assert again.to_dict() == entry.to_dict()
    assert isinstance(again.enrolled, datetime)
    assert again.enrolled == entry.enrolled
    assert again.embedding.tobytes() == entry.embedding.tobytes()
    assert entry.id in gallery
    assert "nobody" not in gallery


def test_nearest_equals_brute_force(gallery: Gallery, people: Make, unit: Unit) -> None:
    entries = people(300)
    gallery.add(entries)
    rows = np.stack([entry.embedding for entry in entries]).astype(np.float64)
    probes = unit(20, seed=1)
    found = gallery.nearest(probes, 7)
    for probe, near in zip(probes.astype(np.float64), found, strict=True):
        apart = np.linalg.norm(rows - probe, axis=1)
        order = np.argsort(apart)[:7]
        assert [each.entry.id for each in near] == [f"p{k}" for k in order]
        assert [each.distance for each in near] == pytest.approx(apart[order], abs=1e-12)
        assert near[0].similarity == pytest.approx(float(rows[order[0]] @ probe), abs=1e-6)


def test_an_id_is_held_once(gallery: Gallery, people: Make, unit: Unit) -> None:
    gallery.add(people(3))
    other = Entry("p1", unit(1, seed=9)[0])
    done = gallery.add([other, Entry("new", unit(1, seed=8)[0])])
    assert (done.ids, done.refused) == (("new",), ("p1",))
    kept = gallery.get("p1")
    assert kept is not None
    assert not np.array_equal(kept.embedding, other.embedding)
    gallery.add([other], replace=True)
    kept = gallery.get("p1")
    assert kept is not None
    assert np.array_equal(kept.embedding, other.embedding)
    assert len(gallery) == 4
    assert gallery.stats().unpurged  # the old embedding lies in the files still
    gallery.purge()
    assert not gallery.stats().unpurged


def test_removing_removes_the_bytes(tmp_path: Path, gallery: Gallery, people: Make) -> None:
    entries = people(200)
    entries[77] = dataclasses.replace(
        entries[77], person="Erika Mustermann", metadata={"note": "a secret of hers"}
    )
    traces = {
        "embedding": entries[77].embedding.tobytes(),
        "person": b"Erika Mustermann",
        "metadata": b"a secret of hers",
    }

    def files_with(trace: bytes) -> list[Path]:
        files = (path for path in (tmp_path / "gallery").rglob("*") if path.is_file())
        return [path for path in files if trace in path.read_bytes()]

    gallery.add(entries)
    assert all(files_with(trace) for trace in traces.values())
    assert gallery.remove(["p77", "nobody"], purge=False) == ("p77",)
    assert gallery.stats().unpurged
    assert files_with(traces["embedding"])  # so the last lines of this test can fail
    gallery.purge()
    assert {name: files_with(trace) for name, trace in traces.items()} == {
        name: [] for name in traces
    }
    assert not files_with(b"p77'")  # what was asked to be removed is not told either
    assert len(gallery) == 199
    assert not gallery.stats().unpurged
    [near] = gallery.nearest(entries[78].embedding[None], 1)
    assert near[0].entry.id == "p78"
    assert gallery.remove(["p78"]) == ("p78",)
    assert not files_with(entries[78].embedding.tobytes())  # in a folder it purges by itself


def test_a_search_says_who_and_how_sure(gallery: Gallery, people: Make, unit: Unit) -> None:
    entries = people(50)
    gallery.add(entries)
    found = gallery.search(entries[7].embedding, 3)
    assert found.decision == "identified"
    assert found.searched == 50
    assert found.exact
    best = found.candidates[0]
    assert (best.rank, best.entry.id, best.distance) == (1, "p7", 0)
    assert best.fmr.at_most
    assert best.fpir.value == pytest.approx(50 * best.fmr.value, rel=1e-2)
    assert [c.distance for c in found.candidates] == sorted(c.distance for c in found.candidates)
    stranger = gallery.search(unit(1, seed=5)[0])
    assert stranger.decision == "not_identified"
    assert stranger.candidates  # who was nearest is told, but not taken
    assert stranger.to_dict()["candidates"][0]["fpir"]["value"] > 0.1


def test_nobody_in_an_empty_gallery_or_none_that_fulfils(
    gallery: Gallery, people: Make, unit: Unit
) -> None:
    probe = unit(1)[0]
    assert gallery.search(probe).decision == "not_identified"
    assert gallery.search(probe).candidates == ()
    gallery.add(people(2))
    found = gallery.search(probe, where=["country=CN"])
    assert (found.decision, found.searched) == ("not_identified", 0)
    assert gallery.search(probe, where=["id=p0"]).decision == "identified"


def test_a_large_gallery_promises_less_until_it_is_calibrated(
    gallery: Gallery, people: Make
) -> None:
    entries = people(4000)  # 4,000 times the pack's 4e-6 is 1.6 %
    gallery.add(entries)
    found = gallery.search(entries[5].embedding)
    assert found.decision == "inconclusive"
    assert "calibrate" in found.reason
    measured = gallery.calibrate()
    assert measured.searches == 4000
    found = gallery.search(entries[5].embedding)
    assert found.decision == "identified"
    assert found.candidates[0].fpir.measured
    assert found.candidates[0].fpir.value == pytest.approx(30 / 4000, rel=1e-2)
    assert gallery.stats().calibrated == 4000


def test_policies_zone_of_doubt() -> None:
    for wrong in ({"max_fpir": 0}, {"max_fpir": 1}, {"inconclusive": 0.5}, {"max_fpir": "x"}):
        with pytest.raises(InvalidInput):
            SearchPolicy(**wrong)  # type: ignore[arg-type]


def test_one_person_under_two_names(gallery: Gallery, people: Make) -> None:
    entries = people(40)
    twin = Entry("again", entries[3].embedding, person="somebody else", picture="00")
    same = Entry("own", entries[4].embedding, person="p4")  # another reference of p4
    gallery.add([*entries, twin, same])
    pairs, more = gallery.check()
    assert more == 0
    assert [sorted(entry.id for entry in pair.entries) for pair in pairs] == [["again", "p3"]]
    assert pairs[0].distance == 0
    assert not pairs[0].same_file
    assert pairs[0].to_dict()["fpir"]["at_most"]
    gallery.remove(["again"])
    assert gallery.check() == ([], 0)


def test_another_packs_embeddings_are_refused(
    tmp_path: Path, gallery: Gallery, verifier: Verifier, unit: Unit
) -> None:
    class Other:
        network_digest = "0" * 64
        name = "other"

    class Another:
        pack = Other()

    with pytest.raises(PackError, match="mean nothing"):
        Gallery.open(tmp_path / "gallery", Another())  # type: ignore[arg-type]
    short = np.zeros(64, np.float32)
    short[0] = 1
    with pytest.raises(InvalidInput, match="128"):
        gallery.add([Entry("x", short)])
    with pytest.raises(InvalidInput, match="128"):
        gallery.nearest(short[None])
    with pytest.raises(InvalidInput):
        gallery.nearest(unit(1) * 2)
    with pytest.raises(InvalidInput):
        Entry("x", np.full(128, np.nan, np.float32))
    with pytest.raises(InvalidInput):
        gallery.nearest(unit(1), 0)
    with pytest.raises(InvalidInput, match="twice"):
        gallery.add([Entry("x", unit(1)[0]), Entry("x", unit(1)[0])])
    assert len(gallery) == 0


def test_a_gallery_of_the_former_default_pack_stays_its_own(
    tmp_path: Path, verifier: Verifier, people: Make
) -> None:
    # Its embeddings are 128 numbers as well: only the network's digest tells them apart.
    Gallery.create(tmp_path / "old", Verifier("dlib-resnet", threads=1)).add(people(2))
    with pytest.raises(
        PackError,
        match=r"of the pack dlib-resnet .*of sface .*or enrol the pictures in a new gallery",
    ):
        Gallery.open(tmp_path / "old", verifier)
    assert Gallery.open(tmp_path / "old").verifier.pack.name == "dlib-resnet"


def test_places_that_are_no_gallery(tmp_path: Path, gallery: Gallery, verifier: Verifier) -> None:
    with pytest.raises(InvalidInput, match="no gallery"):
        Gallery.open(tmp_path / "none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(InvalidInput, match="not empty"):
        Gallery.create(tmp_path / "gallery", verifier)
    (tmp_path / "file").write_text("x")
    with pytest.raises(RenzhengError):
        Gallery.create(tmp_path / "file", verifier)
    with pytest.raises(InvalidInput):
        Gallery.open(tmp_path / "file")
    (tmp_path / "open").mkdir(mode=0o777)
    Gallery.create(tmp_path / "open", verifier)
    for name in ("open", "gallery"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    broken = tmp_path / "broken"
    (broken / "entries.lance").mkdir(parents=True)
    with pytest.raises(RenzhengError):
        Gallery.open(broken)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from("arp"), st.integers(0, 9)), max_size=25))
def test_any_history_ends_as_a_dictionary_would(
    tmp_path_factory: pytest.TempPathFactory, verifier: Verifier, history: list[tuple[str, int]]
) -> None:
    gallery = Gallery.create(tmp_path_factory.mktemp("history") / "g", verifier)
    expected: dict[str, float] = {}
    for step, (action, k) in enumerate(history):
        row = np.zeros(128, np.float32)
        row[step % 128] = 1
        entry = Entry(f"e{k}", row, metadata={"step": step})
        if action == "a":
            done = gallery.add([entry])
            assert bool(done.refused) == (entry.id in expected)
            expected.setdefault(entry.id, step)
        elif action == "r":
            assert bool(gallery.remove([entry.id])) == (entry.id in expected)
            expected.pop(entry.id, None)
        else:
            gallery.add([entry], replace=True)
            expected[entry.id] = step
    assert {e.id: e.metadata["step"] for e in gallery} == expected
    assert len(gallery) == len(expected)


def test_an_index_is_tuned_to_its_recall(
    monkeypatch: pytest.MonkeyPatch, gallery: Gallery, people: Make
) -> None:
    monkeypatch.setattr(index, "APPROXIMATE_FROM", 3000)
    entries = people(3000)
    gallery.add(entries[:2000])
    gallery.optimize()
    assert gallery.stats().indexed == 0
    assert gallery.search(entries[0].embedding).exact
    gallery.add(entries[2000:])
    gallery.optimize()
    told = gallery.stats()
    assert told.indexed == 3000
    assert told.recall is not None
    assert told.recall >= index.RECALL
    rows = np.stack([entry.embedding for entry in entries])
    probes = index.moved(rows, 0.3, np.random.default_rng(3))[:300]
    assert np.linalg.norm(probes - rows[:300], axis=1) == pytest.approx(np.full(300, 0.3), abs=1e-5)
    by_index = [near[0].entry.id for near in gallery.nearest(probes, 1)]
    exact = [near[0].entry.id for near in gallery.nearest(probes, 1, exact=True)]
    assert np.mean([a == b for a, b in zip(by_index, exact, strict=True)]) >= 0.98
    assert not gallery.search(entries[9].embedding).exact
    assert gallery.search(entries[9].embedding, exact=True).exact
    # What is added later is found too, before it is in the index.
    late = Entry("late", -entries[0].embedding)
    gallery.add([late])
    assert gallery.nearest(late.embedding[None], 1)[0][0].entry.id == "late"
    # A purge takes the index along, which holds embeddings of its own, and makes it anew.
    trace = entries[11].embedding.tobytes()
    gallery.remove(["p11"])
    files = (path for path in Path(gallery._engine.where).rglob("*") if path.is_file())
    assert not [path for path in files if trace in path.read_bytes()]
    assert gallery.stats().indexed == 3000


_KEYS = st.from_regex(r"[a-zA-Z\u4e00-\u9fa5][\w-]{0,9}", fullmatch=True).filter(
    lambda key: (
        key not in ("id", "person", "source", "picture") and unicodedata.is_normalized("NFC", key)
    )
)
_VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30).map(
        lambda text: unicodedata.normalize("NFC", text)
    ),
)


@settings(max_examples=40)
@given(st.lists(st.dictionaries(_KEYS, _VALUES, max_size=4), min_size=1, max_size=6))
def test_metadata_comes_back_as_it_was_and_is_found(
    tmp_path_factory: pytest.TempPathFactory, verifier: Verifier, said: list[dict[str, object]]
) -> None:
    rows = np.eye(128, dtype=np.float32)
    gallery = Gallery.create(tmp_path_factory.mktemp("metadata") / "g", verifier)
    gallery.add(
        Entry(f"e{k}", rows[k], metadata=metadata)  # type: ignore[arg-type]
        for k, metadata in enumerate(said)
    )
    kept = {entry.id: entry.metadata for entry in gallery}
    for k, metadata in enumerate(said):
        assert kept[f"e{k}"] == metadata
        assert {key: type(v) for key, v in kept[f"e{k}"].items()} == {
            key: type(v) for key, v in metadata.items()
        }
        for key, value in metadata.items():
            found = {e.id for e in gallery.entries([Condition(key, "=", value)])}  # type: ignore[arg-type]
            expected = {
                f"e{n}"
                for n, other in enumerate(said)
                if key in other
                and other[key] == value
                and isinstance(other[key], str) == isinstance(value, str)
                and isinstance(other[key], bool) == isinstance(value, bool)
            }
            assert found == expected, (key, value)


def test_an_index_and_a_condition_miss_nobody(
    monkeypatch: pytest.MonkeyPatch, gallery: Gallery, unit: Unit
) -> None:
    monkeypatch.setattr(index, "APPROXIMATE_FROM", 1000)
    gallery.add(
        Entry(f"e{k}", row, metadata={"rare": k % 400 == 0, "half": k % 2})
        for k, row in enumerate(unit(4000))
    )
    gallery.optimize()
    assert gallery.stats().indexed == 4000
    for probe in unit(10, seed=3):
        found = gallery.search(probe, 10, where=["rare=true"])
        assert (found.searched, len(found.candidates), found.exact) == (10, 10, True)
        found = gallery.search(probe, 10, where=["half=1"])  # too many to be compared all
        assert (found.searched, len(found.candidates), found.exact) == (2000, 10, False)
        [by_name] = gallery.nearest(probe[None], 3, where=["id=e77"])
        assert [each.entry.id for each in by_name] == ["e77"]
        # Even where the engine is told to look into few partitions first.
        [rare] = gallery._engine.nearest(
            probe[None], 10, "json_get_bool(metadata, 'rare')", partitions=1
        )
        assert len(rare) == 10


def test_an_index_of_a_gallery_that_shrank_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, gallery: Gallery, people: Make
) -> None:
    monkeypatch.setattr(index, "APPROXIMATE_FROM", 900)
    entries = people(1000)
    gallery.add(entries)
    gallery.optimize()
    assert not gallery.search(entries[0].embedding).exact
    gallery.remove([f"p{k}" for k in range(500)])
    assert gallery.search(entries[600].embedding).exact
    assert gallery.stats().recall is None


def test_recall_is_not_spoilt_by_twins(
    monkeypatch: pytest.MonkeyPatch, gallery: Gallery, unit: Unit
) -> None:
    monkeypatch.setattr(index, "APPROXIMATE_FROM", 900)
    rows = unit(500)
    gallery.add(Entry(f"{name}{k}", row) for name in "ab" for k, row in enumerate(rows))
    gallery.optimize()
    assert (gallery.stats().recall or 0) >= index.RECALL


def test_calibration_counts_people_and_not_pictures(gallery: Gallery, unit: Unit) -> None:
    gallery.add(
        Entry(f"{k}-{n}", row, person=f"P{k}") for k, row in enumerate(unit(50)) for n in range(20)
    )
    measured = gallery.calibrate()
    assert (measured.searches, measured.entries) == (50, 980)
    gallery.add(Entry(f"x{k}", row, person="P0") for k, row in enumerate(unit(500, seed=1)))
    assert gallery.calibrate().entries == 980  # what the person with most entries was held against


def test_names_are_the_same_however_their_accents_are_typed(gallery: Gallery, unit: Unit) -> None:
    gallery.add([Entry("José", unit(1)[0], metadata={"stadt": "Köln"})])
    assert "Jose\u0301" not in gallery or gallery.add([Entry("Jose\u0301", unit(1)[0])]).refused
    assert gallery.add([Entry("Jose\u0301", unit(1)[0])]).refused == ("José",)
    [entry] = gallery.entries(["stadt=Ko\u0308ln"])
    assert entry.id == "José"


def test_what_is_kept_is_told_even_if_tidying_fails(
    monkeypatch: pytest.MonkeyPatch, gallery: Gallery, people: Make
) -> None:
    gallery._engine._commits = 15

    def full(self: object, name: str = "") -> None:
        raise OSError(28, "No space left on device")

    table = gallery._engine._table("entries")
    monkeypatch.setattr(type(table), "stats", full)
    assert gallery.add(people(1)).ids == ("p0",)
    assert len(gallery) == 1


def test_an_interrupted_creation_is_done_again(tmp_path: Path, verifier: Verifier) -> None:
    from renzheng.gallery.engine import NOTES, Engine

    Gallery.create(tmp_path / "whole", verifier)
    (tmp_path / "part").mkdir()
    (tmp_path / "whole" / f"{NOTES}.lance").rename(tmp_path / "part" / f"{NOTES}.lance")
    with pytest.raises(InvalidInput, match="no gallery"):
        Gallery.open(tmp_path / "part")
    assert len(Gallery.create(tmp_path / "part", verifier)) == 0
    with pytest.raises(InvalidInput, match="not supported"):
        Engine("db://cluster/x")
    there = Gallery.create((tmp_path / "by address").as_uri(), verifier)
    assert (tmp_path / "by address" / "entries.lance").is_dir()
    assert there.stats().bytes


def test_a_pack_of_ones_own_is_never_looked_for_in_the_working_folder(
    tmp_path: Path, verifier: Verifier, monkeypatch: pytest.MonkeyPatch, people: Make
) -> None:
    import shutil

    from renzheng.models.packs.manifest import MANIFEST

    folder = tmp_path / "mine"
    shutil.copytree(verifier.pack.folder, folder)
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    (folder / MANIFEST).write_text(text.replace(f'name = "{verifier.pack.name}"', 'name = "mine"'))
    own = Verifier(folder, threads=1)
    Gallery.create(tmp_path / "g", own).add(people(2))
    (tmp_path / "other").mkdir()
    folder.rename(tmp_path / "other" / "mine")
    monkeypatch.chdir(tmp_path / "other")
    gallery = Gallery.open(tmp_path / "g")
    with pytest.raises(PackError, match="--pack"):
        gallery.check()
    assert gallery.remove(["p0"]) == ("p0",)  # needs no network
    assert gallery.stats().lowest_fpir is None
    assert Gallery.open(tmp_path / "g", own).check() == ([], 0)


def _write(where: str, name: str, start: int, count: int) -> None:
    rows = np.eye(128, dtype=np.float32)
    gallery = Gallery.open(where)
    for k in range(start, start + count):
        gallery.add([Entry(f"{name}{k}", rows[k]), Entry(f"both{k}", rows[k])])


def test_two_processes_write_and_one_reads(tmp_path: Path, verifier: Verifier) -> None:
    where = str(tmp_path / "shared")
    gallery = Gallery.create(where, verifier)
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(where, name, 0, 25)) for name in "xy"]
    for writer in writers:
        writer.start()
    probe = np.eye(128, dtype=np.float32)[:1]
    seen = [0]
    while any(writer.is_alive() for writer in writers):
        gallery.nearest(probe, 3)
        seen.append(len(gallery))
        if seen[-1] > 20:
            gallery.purge()  # the hardest a reader and two writers can meet
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert seen == sorted(seen)
    expected = {f"{name}{k}" for name in ("x", "y", "both") for k in range(25)}
    assert {entry.id for entry in gallery} == expected
    assert len(gallery) == 75
