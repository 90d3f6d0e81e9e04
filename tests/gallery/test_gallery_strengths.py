"""Strengths in a gallery: where both sides show too little, no rate holds and nobody is found."""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from renzheng import InvalidInput, Verifier
from renzheng.apps.cli import main
from renzheng.gallery import (
    Entry,
    Gallery,
    NearestImpostors,
    SearchPolicy,
    export_format,
    exports,
    rows,
)
from renzheng.gallery.rates import Rates
from renzheng.types import Floats, InformationGrade, Severity
from renzheng.verification.calibration import Calibration
from renzheng.verification.information import InformationLevel

Unit = Callable[..., Floats]
STRONG, LIMITED, WEAK = 12.0, 8.0, 3.0
WANTED, LAST = 10.0, 6.0  # the strength of ordinary rates, and that of the weakest level


def _with_levels(calibration: Calibration, wanted: float, *lower: float) -> Calibration:
    """Levels of a hundred times the rate of the one above."""
    weaker = []
    fmr = calibration.fmr
    for strength in lower:
        fmr = np.minimum(fmr * 100, 1.0)
        weaker.append(InformationLevel(strength, fmr))
    return dataclasses.replace(calibration, min_strength=wanted, weaker=tuple(weaker))


def _graded(verifier: Verifier, wanted: float, *lower: float) -> Verifier:
    graded = copy.copy(verifier)
    assert verifier.calibration is not None
    graded.calibration = _with_levels(verifier.calibration, wanted, *lower)
    return graded


@pytest.fixture
def members(tmp_path: Path, verifier: Verifier) -> Gallery:
    return Gallery.create(tmp_path / "members", _graded(verifier, WANTED, LAST))


def _at(row: Floats, distance: float, seed: int = 7) -> Floats:
    """A unit vector at a distance from another."""
    aside = np.random.default_rng(1000 + seed).standard_normal(row.size)
    aside -= (aside @ row) * row
    cosine = 1 - distance**2 / 2
    moved = cosine * row + np.sqrt(1 - cosine**2) * aside / np.linalg.norm(aside)
    return np.asarray(moved, np.float32)


def _entries(rows: Floats, strength: float | None) -> list[Entry]:
    return [Entry(f"p{k}", row, strength=strength) for k, row in enumerate(rows)]


# --- entries -----------------------------------------------------------------------------------


def test_a_strength_comes_back_as_it_was(gallery: Gallery, unit: Unit) -> None:
    one, other = unit(2)
    gallery.add([Entry("one", one, strength=11.123456789), Entry("other", other)])
    assert {each.id: each.strength for each in gallery} == {"one": 11.123456789, "other": None}
    assert gallery.nearest(one[None], 1)[0][0].entry.strength == 11.123456789
    assert gallery.get("one").to_dict()["strength"] == 11.123456789  # type: ignore[union-attr]


@pytest.mark.parametrize("wrong", [0, -1.0, np.nan, np.inf, True, "12"])
def test_what_is_no_strength_is_refused(gallery: Gallery, unit: Unit, wrong: object) -> None:
    with pytest.raises(InvalidInput, match="strength"):
        Entry("x", unit(1)[0], strength=wrong)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="strength"):
        gallery.search(unit(1)[0], strength=wrong)  # type: ignore[arg-type]


def test_stats_count_weak_and_unknown_entries(members: Gallery, unit: Unit) -> None:
    strengths = [STRONG, LIMITED, WEAK, None]
    members.add(
        Entry(f"p{k}", row, strength=s)
        for k, (row, s) in enumerate(zip(unit(4), strengths, strict=True))
    )
    found = members.stats()
    assert (found.entries, found.unknown_strength, found.weak) == (4, 1, 2)
    assert found.to_dict()["weak"] == 2


# --- tables and exports of former versions ------------------------------------------------------


@pytest.fixture
def former(gallery: Gallery, unit: Unit, monkeypatch: pytest.MonkeyPatch) -> Gallery:
    """A gallery whose table was made and filled without strengths, as former versions did."""
    schema = rows.entries_schema(128, gallery._engine.about)
    schema = schema.remove(schema.get_field_index("strength"))
    table = rows.to_arrow(_entries(unit(20), None), rows.entries_schema(128, {}))
    database = gallery._engine._database
    database.drop_table("entries")
    made = database.create_table("entries", schema=schema)
    merge = made.merge_insert("id").when_not_matched_insert_all()
    merge.execute(table.drop_columns(["strength"]))
    assert "strength" not in made.schema.names
    return Gallery.open(gallery._engine.where, gallery.verifier)


def test_a_former_gallery_is_read_as_it_is(former: Gallery, unit: Unit) -> None:
    assert {each.strength for each in former} == {None}
    assert len(former) == 20
    assert former.get("p3").strength is None  # type: ignore[union-attr]
    found = former.search(unit(20)[4], strength=STRONG)
    assert (found.decision, found.candidates[0].entry.id) == ("identified", "p4")
    assert former.check() == ([], 0)
    assert former.calibrate().searches == 20
    assert former.stats().unknown_strength == 20
    assert "strength" not in former._engine._table("entries").schema.names  # nothing was written


def test_a_former_gallery_takes_strengths(
    former: Gallery, unit: Unit, tmp_path: Path, verifier: Verifier
) -> None:
    reader = Gallery.open(former._engine.where, verifier)
    new = unit(3, seed=5)
    assert former.add([Entry("new", new[0], strength=STRONG)]).ids == ("new",)
    assert former.add([Entry("p3", new[1], strength=LIMITED)]).refused == ("p3",)
    former.add([Entry("p3", new[1], strength=LIMITED)], replace=True)
    expected = {f"p{k}": None for k in range(20)} | {"new": STRONG, "p3": LIMITED}
    assert {each.id: each.strength for each in former} == expected
    assert {each.id: each.strength for each in reader} == expected  # opened before the change
    assert reader._engine.about == former._engine.about
    assert former.stats().unknown_strength == 20 - 1
    former.remove(["p7"])  # rewrites all entries
    del expected["p7"]
    assert {each.id: each.strength for each in former} == expected
    path = tmp_path / "out"
    assert exports.export_gallery(former, path) == 20
    copied = Gallery.create(tmp_path / "copy", verifier)
    assert len(exports.import_gallery(copied, path).ids) == 20
    assert {each.id: each.strength for each in copied} == expected


def test_a_former_version_still_writes_to_a_new_gallery(gallery: Gallery, unit: Unit) -> None:
    gallery.add(_entries(unit(2), STRONG))
    table = gallery._engine._table("entries")
    row = rows.to_arrow([Entry("old", unit(1, seed=4)[0])], table.schema).drop_columns(["strength"])
    table.merge_insert("id").when_not_matched_insert_all().execute(row)
    assert {each.id: each.strength for each in gallery} == {"p0": 12.0, "p1": 12.0, "old": None}


def test_a_former_export_is_imported(
    tmp_path: Path, former: Gallery, unit: Unit, verifier: Verifier
) -> None:
    schema = export_format.schema_of(128)
    schema = schema.remove(schema.get_field_index("strength"))
    about = {"layout": 1, "pack": dict(former.pack), "dimension": 128}
    schema = schema.with_metadata({export_format.ABOUT: json.dumps(about).encode()})
    row: dict[str, object] = {
        "id": "x",
        "person": "x",
        "metadata": "{}",
        "source": "",
        "picture": "",
    }
    row |= {"enrolled": Entry("x", unit(1)[0]).enrolled, "embedding": unit(1, seed=3)[0].tolist()}
    path = tmp_path / "former"
    with path.open("wb") as file:
        sink = export_format.SummingFile(file)
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pa.RecordBatch.from_pylist([row], schema=schema))
        sink.write_sum()
    for place in (former, Gallery.create(tmp_path / "new", verifier)):
        assert exports.import_gallery(place, path).ids == ("x",)
        assert place.get("x").strength is None  # type: ignore[union-attr]


# --- rates -------------------------------------------------------------------------------------

CALIBRATION = Calibration(
    distance=np.array([0.2, 0.4, 0.6]),
    fmr=np.array([1e-5, 1e-3, 1e-1]),
    fnmr=np.array([0.5, 0.2, 0.1]),
    resolution=1e-5,
    min_strength=WANTED,
    weaker=(InformationLevel(LAST, np.array([1e-3, 1e-1, 1.0])),),
)


def test_rates_follow_the_strength_of_a_pair() -> None:
    rates = Rates(CALIBRATION)
    for strength, fmr in ((STRONG, 1e-3), (None, 1e-3), (LIMITED, 0.1)):
        found = rates.fpir_at(0.4, 10, strength)
        assert found is not None
        assert found.value == pytest.approx(1 - (1 - fmr) ** 10)
    assert rates.fpir_at(0.4, 10, WEAK) is None
    assert rates.fmr_at(0.0, WEAK) is None
    strong, limited = (rates.threshold_at(0.05, 10, s) for s in (None, LIMITED))
    assert 0.2 < limited < strong
    assert rates.threshold_at(0.05, 10, WEAK) == -1
    # The limited level reaches down to 1 % among 10; strong comparisons to 0.01 %.
    assert rates.threshold_at(0.005, 10, LIMITED) == -1
    assert rates.threshold_at(0.005, 10) > 0.2
    limits = rates.thresholds(0.05, 10).at(np.array([STRONG, np.nan, LIMITED, WEAK]))
    assert limits == pytest.approx([strong, strong, limited, -1])


def test_measured_rates_never_lower_those_of_weak_pairs() -> None:
    # The gallery itself has impostors from 0.5 on, and measures lower rates than the pack's.
    rates = Rates(CALIBRATION, NearestImpostors.of(np.linspace(0.5, 1.0, 3000), 100_000))
    assert rates.fpir_at(0.1, 100_000).value == pytest.approx(0.01)
    weak = rates.fpir_at(0.1, 100_000, LIMITED)
    assert weak is not None
    assert weak.value == pytest.approx(1)
    assert not weak.measured
    # Where it has found more impostors than the level promises, its own rate counts.
    rates = Rates(CALIBRATION, NearestImpostors.of(np.full(1000, 0.1), 1000))
    assert rates.fpir_at(0.2, 5, LIMITED) == rates.fpir_at(0.2, 5)
    assert rates.fpir_at(0.2, 1000, WEAK) is None


# --- search ------------------------------------------------------------------------------------


def test_one_strong_side_is_enough(members: Gallery, unit: Unit) -> None:
    people = unit(30)
    members.add(_entries(people, STRONG))
    for strength in (STRONG, LIMITED, WEAK):
        found = members.search(people[3], strength=strength)
        assert (found.decision, found.findings) == ("identified", ())
        assert found.candidates[0].information.grade is InformationGrade.FULL
    members.add(_entries(people, WEAK), replace=True)
    found = members.search(people[3], strength=STRONG)
    assert (found.decision, found.candidates[0].entry.id) == ("identified", "p3")


def test_two_weak_sides_identify_nobody(members: Gallery, unit: Unit) -> None:
    people = unit(30)
    members.add(_entries(people, WEAK))
    for probe in (people[3], unit(1, seed=9)[0]):  # neither found nor excluded
        found = members.search(probe, strength=WEAK)
        assert found.decision == "inconclusive"
        assert "too little of a face" in found.reason
        assert [(each.code, each.severity) for each in found.findings] == [
            ("little_information", Severity.DOUBT)
        ]
        assert "strength 3 and 3, 10 wanted" in found.findings[0].message
        assert all(each.fmr is None and each.fpir is None for each in found.candidates)
        told = found.to_dict()["candidates"][0]
        assert (told["fmr"], told["fpir"], told["strength"]) == (None, None, WEAK)
        assert told["information"]["grade"] == "insufficient"


def test_a_limited_pair_has_to_lie_nearer(members: Gallery, unit: Unit) -> None:
    people = unit(30)
    members.add(_entries(people, LIMITED))
    calibration = members._calibration
    probe = _at(people[3], calibration.threshold_at(1e-4))
    strong = members.search(probe, strength=STRONG)
    assert (strong.decision, strong.findings) == ("identified", ())
    weak = members.search(probe, strength=LIMITED)
    assert weak.decision != "identified"
    assert weak.candidates[0].entry.id == "p3"
    assert weak.candidates[0].fmr.value == pytest.approx(1e-2, rel=1e-3)  # type: ignore[union-attr]
    assert weak.candidates[0].fpir.value == pytest.approx(  # type: ignore[union-attr]
        1 - 0.99**30, rel=1e-2
    )
    assert [each.code for each in weak.findings] == ["limited_information"]
    assert members.search(people[3], strength=LIMITED).candidates[0].distance == 0


def test_a_strong_entry_behind_weak_ones_is_found(members: Gallery, unit: Unit) -> None:
    people = unit(30)
    probe = unit(1, seed=5)[0]
    members.add(_entries(people, STRONG))
    # Weak faces fall together: eight of somebody lie nearer than the person's own strong entry.
    near = [_at(probe, 0.2, seed) for seed in range(8)]
    members.add(Entry(f"weak{k}", row, person="Anna", strength=WEAK) for k, row in enumerate(near))
    members.add([Entry("good", _at(probe, 0.4), person="Anna", strength=STRONG)])
    found = members.search(probe, 3, strength=WEAK)
    assert found.decision == "identified"
    assert "'good' (rank 9)" in found.reason
    assert [each.rank for each in found.candidates] == [1, 2, 3, 9]
    assert [each.fpir is None for each in found.candidates] == [True, True, True, False]
    assert [(each.code, each.severity) for each in found.findings] == [
        ("little_information", Severity.WARNING)
    ]
    # The decision does not depend on how many are asked for.
    assert members.search(probe, 20, strength=WEAK).decision == "identified"
    # The same entries of somebody else: nobody is identified, and the strong one is told.
    members.add(
        [Entry(f"weak{k}", row, person="Berta", strength=WEAK) for k, row in enumerate(near)],
        replace=True,
    )
    found = members.search(probe, 1, strength=WEAK)
    assert found.decision == "inconclusive"
    assert "'weak" in found.reason
    assert "nearer than 'good'" in found.reason
    assert [each.rank for each in found.candidates] == [1, 9]
    assert found.findings[0].severity is Severity.DOUBT
    # A strong probe sees no difference: the nearest counts.
    assert members.search(probe, 1, strength=STRONG).candidates[0].entry.person == "Berta"


def test_a_strong_entry_behind_a_limited_one_is_not_rejected(members: Gallery, unit: Unit) -> None:
    probe = unit(1, seed=5)[0]
    limit = members._calibration.threshold_at(1e-3)
    members.add(_entries(unit(30), STRONG))
    members.add([Entry("limited", _at(probe, limit - 0.02, 1), strength=LIMITED)])
    members.add([Entry("good", _at(probe, limit - 0.01, 2), strength=STRONG)])
    policy = SearchPolicy(0.05, 1)
    found = members.search(probe, 1, strength=LIMITED, policy=policy)
    assert found.decision == "inconclusive"
    assert "'limited' lies nearer than 'good'" in found.reason
    members.remove(["good"])
    assert members.search(probe, 1, strength=LIMITED, policy=policy).decision == "not_identified"


def test_unknown_strengths_are_told_where_they_matter(members: Gallery, unit: Unit) -> None:
    people = unit(30)
    members.add(_entries(people, None))

    def codes(strength: float | None) -> list[tuple[str, str]]:
        found = members.search(people[3], strength=strength)
        assert found.decision == "identified"  # the ordinary rates hold, as ever
        return [(each.code, each.side) for each in found.findings]

    assert codes(STRONG) == []  # one strong side is enough
    assert codes(WEAK) == [("unknown_strength", "reference")]
    assert codes(None) == [("unknown_strength", "reference"), ("unknown_strength", "probe")]
    members.add(_entries(people, WEAK), replace=True)
    assert codes(None) == [("unknown_strength", "probe")]


def test_a_calibration_without_strengths_changes_nothing(
    tmp_path: Path, verifier: Verifier, unit: Unit
) -> None:
    plain = copy.copy(verifier)
    assert verifier.calibration is not None
    plain.calibration = dataclasses.replace(verifier.calibration, min_strength=None, weaker=())
    gallery = Gallery.create(tmp_path / "plain", plain)
    people = unit(30)
    gallery.add(_entries(people, WEAK))
    found = gallery.search(people[3], strength=WEAK)
    assert (found.decision, found.findings) == ("identified", ())
    assert gallery.stats().weak is None


# --- check and calibrate -----------------------------------------------------------------------


def test_weak_pairs_are_counted_and_not_called_duplicates(members: Gallery, unit: Unit) -> None:
    people = unit(30)
    members.add(_entries(people, STRONG))
    members.add(Entry(f"weak{k}", _at(people[0], 0.1, k), strength=WEAK) for k in range(2))
    limit = members._calibration.threshold_at(1e-4)
    # Two pairs at a distance of FMR 1e-4, of which only one has a strong side.
    members.add([Entry("a", unit(1, seed=3)[0], strength=LIMITED)])
    members.add([Entry("b", _at(unit(1, seed=3)[0], limit), strength=LIMITED)])
    members.add([Entry("c", unit(1, seed=4)[0], strength=LIMITED)])
    members.add([Entry("d", _at(unit(1, seed=4)[0], limit, 8), strength=STRONG)])
    found = members.find_duplicates(SearchPolicy(0.05), pictures=False)
    pairs = [tuple(sorted(each.id for each in pair.entries)) for pair in found.pairs]
    assert sorted(pairs) == [("c", "d"), ("p0", "weak0"), ("p0", "weak1")]
    assert (found.left_out, found.without_rate) == (0, 1)  # weak0 and weak1
    assert all(pair.fpir.value <= 0.05 for pair in found.pairs)
    assert members.check(SearchPolicy(0.05), pictures=False)[1] == 0


def test_weak_pairs_do_not_crowd_out_others(members: Gallery, unit: Unit) -> None:
    people = unit(30)
    members.add(_entries(people, STRONG))
    members.add([Entry("twin", _at(people[5], 0.3), strength=STRONG)])
    members.add(Entry(f"weak{k}", _at(-people[0], 0.05, k), strength=WEAK) for k in range(20))
    found = members.find_duplicates(most=1, pictures=False)
    assert sorted(each.id for each in found.pairs[0].entries) == ["p5", "twin"]
    assert (found.left_out, found.without_rate) == (0, 190)


def test_weak_entries_are_not_searched_for_when_calibrating(members: Gallery, unit: Unit) -> None:
    members.add(_entries(unit(20), STRONG))
    members.add(Entry(f"w{k}", _at(-unit(20)[0], 0.05, k), strength=WEAK) for k in range(15))
    measured = members.calibrate()
    assert measured.searches == 20
    assert measured.share_at(0.2) == 0
    members.remove([f"p{k}" for k in range(20)], purge=False)
    with pytest.raises(InvalidInput, match="too little of a face"):
        members.calibrate()


# --- pictures ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    path = tmp_path_factory.mktemp("portrait") / "eileen.png"
    Pillow.fromarray(data.astronaut()).resize((400, 400)).save(path)
    return path


def test_enrolment_measures_and_judges_the_strength(
    tmp_path: Path, verifier: Verifier, portrait: Path
) -> None:
    from renzheng.gallery import Enrolment, enrol

    def outcome(*levels: float, accept_doubtful: bool = False) -> tuple[Gallery, object, str]:
        place = tmp_path / f"{levels}{accept_doubtful}"
        gallery = Gallery.create(place, _graded(verifier, *levels))
        [result] = enrol(gallery, [Enrolment("x", portrait)], accept_doubtful=accept_doubtful)
        return gallery, result.entry, " ".join((result.reason, *result.warnings))

    template = verifier.extract(portrait, "photo")
    assert template.strength is not None
    strength = template.strength
    gallery, entry, words = outcome(strength / 2)
    assert isinstance(entry, Entry)
    assert gallery.get("x").strength == pytest.approx(strength, rel=1e-5)  # type: ignore[union-attr]
    assert "little of a face" not in words
    found = gallery.search(portrait)
    assert found.decision == "identified"
    assert found.candidates[0].information.probe == pytest.approx(strength, rel=1e-5)
    with pytest.raises(InvalidInput, match="is measured"):
        gallery.search(portrait, strength=1.0)

    gallery, entry, words = outcome(strength * 2, strength / 2)
    assert entry is not None
    assert "it shows little of a face" in words

    gallery, entry, words = outcome(strength * 4, strength * 2)
    assert (entry, len(gallery)) == (None, 0)
    assert "it shows too little of a face" in words
    gallery, entry, words = outcome(strength * 4, strength * 2, accept_doubtful=True)
    assert entry is not None
    assert "it shows too little of a face" in words
    found = gallery.search(portrait)
    assert (found.decision, found.candidates[0].distance) == ("inconclusive", 0)


def test_the_command_and_its_pages_say_where_no_rate_holds(
    tmp_path: Path,
    members: Gallery,
    portrait: Path,
    unit: Unit,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from renzheng.apps.cli.gallery import gallery_options

    strength = members.verifier.extract(portrait, "photo").strength
    assert strength is not None
    graded = _graded(members.verifier, strength * 4, strength * 2)
    gallery = Gallery.open(members._engine.where, graded)
    gallery.enrol(portrait, "eileen", accept_doubtful=True)
    gallery.add([Entry("twin", gallery.get("eileen").embedding, strength=1.0)])  # type: ignore[union-attr]
    gallery.add([Entry("old", unit(1)[0])])
    monkeypatch.setattr(gallery_options, "open_gallery", lambda arguments: gallery)
    place, page = members._engine.where, tmp_path / "page.html"

    def run(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["gallery", *map(str, words)])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    code, out, _ = run("search", place, portrait, "--report", page)
    assert code == 3
    assert "inconclusive" in out
    assert "doubt: both the probe and the nearest entry show too little of a face" in out
    assert f"{'-':>16}  {'-':>16}  eileen" in out
    assert "-: the probe and this entry both show too little" in out
    text = page.read_text(encoding="utf-8")
    assert "FMR -, FPIR -" in text
    assert "no rate holds: it and the probe both show too little of a face" in text

    code, out, err = run("check", place, "--report", page)
    assert code == 0
    assert "1 more pairs are as near" in err
    assert "1: both entries show too little" in page.read_text(encoding="utf-8")
    code, out, _ = run("check", place, "--json")
    assert json.loads(out) == {"pairs": [], "left_out": 0, "without_rate": 1}
    assert "strength:       2 weak and 1 unknown of 3 entries" in run("stats", place)[1]
