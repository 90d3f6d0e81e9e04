from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from renzheng import Calibration, Decision, InvalidInput, PackError, Policy
from renzheng.types import Comparison, FalseMatchRate, Finding, PopulationRate, Role, Severity
from renzheng.verification.calibration import Population
from renzheng.verification.distance import compare, distances

CURVE = Calibration(
    distance=np.array([0.3, 0.4, 0.5, 0.6, 0.8, 1.2]),
    fmr=np.array([1e-6, 1e-6, 1e-5, 1e-4, 1e-2, 1.0]),
    fnmr=np.array([0.9, 0.5, 0.2, 0.05, 0.01, 0.0]),
    resolution=1e-5,
)

vectors = hnp.arrays(np.float64, 8, elements=st.floats(-1, 1)).filter(
    lambda v: np.linalg.norm(v) > 0.1
)


def unit(vector: np.ndarray) -> np.ndarray:
    return (vector / np.linalg.norm(vector)).astype(np.float32)


@given(vectors, vectors, vectors)
def test_distance_is_a_metric(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> None:
    a, b, c = unit(a), unit(b), unit(c)
    assert distances(a, a) == 0
    assert distances(a, b) == distances(b, a)
    assert distances(a, c) <= distances(a, b) + distances(b, c) + 1e-12
    assert 0 <= distances(a, b) <= 2 + 1e-6


@given(vectors, vectors)
def test_similarity_is_the_cosine(a: np.ndarray, b: np.ndarray) -> None:
    a, b = unit(a), unit(b)
    assert compare(a, b).similarity == pytest.approx(float(a @ b), abs=1e-6)


def test_rows_are_compared_one_by_one() -> None:
    a = np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(distances(a, a[[0, 0, 2]]), [0, np.sqrt(2), 0])


@pytest.mark.parametrize(
    ("reference", "probe"),
    [
        (np.zeros(8), np.zeros(8)),
        (np.full(8, np.nan), unit(np.ones(8))),
        (unit(np.ones(8)), unit(np.ones(9))),
        (np.ones((2, 8)) / np.sqrt(8), np.ones((2, 8)) / np.sqrt(8)),
        (np.empty(0), np.empty(0)),
    ],
)
def test_what_is_no_embedding_is_refused(reference: np.ndarray, probe: np.ndarray) -> None:
    with pytest.raises(InvalidInput):
        compare(reference, probe)


def test_fmr_is_read_off_the_curve() -> None:
    assert CURVE.fmr_at(0.6) == FalseMatchRate(pytest.approx(1e-4), at_most=False)
    assert CURVE.fmr_at(0.7).value == pytest.approx(1e-3)  # linear in the logarithm
    assert CURVE.fmr_at(2.0) == FalseMatchRate(1.0, at_most=False)


def test_below_the_data_it_says_at_most() -> None:
    assert CURVE.fmr_at(0.0) == FalseMatchRate(1e-5, at_most=True)
    assert CURVE.fmr_at(0.45) == FalseMatchRate(1e-5, at_most=True)
    assert str(CURVE.fmr_at(0.1)) == "at most 1e-05"


@given(st.floats(1e-5, 0.99))
def test_threshold_keeps_its_promise(max_fmr: float) -> None:
    threshold = CURVE.threshold_at(max_fmr)
    assert CURVE.fmr_at(threshold).value <= max_fmr * (1 + 1e-6)
    assert CURVE.fmr_at(threshold + 1e-3).value > max_fmr * (1 - 1e-6)


@given(st.floats(0, 2), st.floats(0, 2))
def test_fmr_never_falls_with_distance(one: float, other: float) -> None:
    near, far = sorted((one, other))
    assert CURVE.fmr_at(near).value <= CURVE.fmr_at(far).value


def test_a_policy_cannot_ask_for_more_than_was_measured() -> None:
    with pytest.raises(InvalidInput, match="reaches down to"):
        CURVE.threshold_at(1e-6)
    with pytest.raises(InvalidInput, match="reaches down to"):
        Policy(max_fmr=1e-6).decide(Comparison(0.1, 0.99, CURVE.fmr_at(0.1)))


@pytest.mark.parametrize(
    ("distance", "decision"),
    [
        (0.2, Decision.MATCH),
        (0.6, Decision.MATCH),
        (0.61, Decision.INCONCLUSIVE),
        (0.699, Decision.INCONCLUSIVE),
        (0.701, Decision.NO_MATCH),
        (1.4, Decision.NO_MATCH),
    ],
)
def test_policy_decides_by_rate(distance: float, decision: Decision) -> None:
    comparison = Comparison(distance, 1 - distance**2 / 2, CURVE.fmr_at(distance))
    assert Policy(max_fmr=1e-4).decide(comparison)[0] is decision


def test_the_inconclusive_zone_can_be_closed() -> None:
    policy = Policy(max_fmr=1e-4, inconclusive=1)
    assert policy.decide(Comparison(0.61, 0.8, CURVE.fmr_at(0.61)))[0] is Decision.NO_MATCH


def test_without_calibration_nothing_is_decided() -> None:
    with pytest.raises(InvalidInput, match="calibrated"):
        Policy().decide(Comparison(0.1, 0.99, None))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_fmr": 0.0},
        {"max_fmr": 1.0},
        {"max_fmr": float("nan")},
        {"inconclusive": 0.5},
        {"inconclusive": float("inf")},
        {"inconclusive": float("nan")},
        {"min_liveness": 1.5},
        {"min_liveness": float("nan")},
        {"min_live_quality": {"beauty": 50}},
        {"min_document_quality": {"sharpness": 101}},
        {"min_document_quality": {"sharpness": True}},
        {"min_document_quality": {"sharpness": "30"}},
        {"min_document_quality": 30},
        {"max_fmr": "1e-4"},
        {"max_fmr": None},
        {"min_liveness": "0.5"},
        {"allow_several_faces": "no"},
    ],
)
def test_impossible_policies_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Policy(**wrong)


def test_calibration_survives_a_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(CURVE.to_dict()))
    loaded = Calibration.load(path)
    np.testing.assert_allclose(loaded.fmr, CURVE.fmr)
    np.testing.assert_allclose(loaded.distance, CURVE.distance)
    assert loaded.resolution == CURVE.resolution


@pytest.mark.parametrize(
    "change",
    [
        {"distance": [0.3, 0.3, 0.5, 0.6, 0.8, 1.2]},
        {"fmr": [1e-6, 1e-4, 1e-5, 1e-4, 1e-2, 1.0]},
        {"fmr": [0.0, 1e-6, 1e-5, 1e-4, 1e-2, 1.0]},
        {"fnmr": [0.1, 0.5, 0.2, 0.05, 0.01, 0.0]},
        {"fmr": [1e-6, 1e-5]},
        {"resolution": 0},
        {"distance": "near"},
    ],
)
def test_damaged_calibrations_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({**CURVE.to_dict(), **change}))
    with pytest.raises(PackError, match="not a calibration"):
        Calibration.load(path)


ONE = Population(
    "people of one place", "a set", 900, True, 1e-5, np.array([1e-6, 1e-6, 1e-5, 5e-5, 5e-3, 1.0])
)
ANOTHER = Population(
    "people of another", "a set", 90, True, 2e-4, np.array([1e-8, 1e-7, 1e-6, 1e-4, 1e-2, 1.0])
)
STATED = Population(
    "children", "a set", 80, False, 1e-3, np.array([1e-5, 1e-4, 1e-3, 1e-2, 0.5, 1.0])
)
WITH = Calibration(
    CURVE.distance,
    CURVE.fmr,
    CURVE.fnmr,
    CURVE.resolution,
    populations=(ONE, ANOTHER, STATED),
)


@given(st.floats(0, 2))
def test_the_promise_is_never_below_a_covered_population(distance: float) -> None:
    rates = WITH.rates_at(distance)
    assert [each.population for each in rates] == [ONE.name, ANOTHER.name, STATED.name]
    covered = [each.value for each in rates if each.covered]
    assert len(covered) == 2
    assert WITH.fmr_at(distance).value >= max(covered) * (1 - 1e-9)
    for each, population in zip(rates, WITH.populations, strict=True):
        below = each.value < population.resolution * (1 - 1e-9)
        assert each.extrapolated is (below and not each.at_most)
        assert each.resolution == population.resolution
        least = WITH.resolution if each.covered else each.resolution
        assert each.at_most is bool(each.value <= least * (1 + 1e-9))
        assert each.value >= least


def test_a_comparison_says_on_whom_its_rate_was_measured() -> None:
    first = np.array([1, 0], np.float32)
    apart = 0.6
    angle = 2 * np.arcsin(apart / 2)
    second = np.array([np.cos(angle), np.sin(angle)], np.float32)
    found = compare(first, second, WITH)
    assert found.fmr == FalseMatchRate(pytest.approx(1e-4, rel=1e-3), at_most=False)
    one, another, stated = found.populations
    assert one == PopulationRate(ONE.name, True, pytest.approx(5e-5, rel=1e-3), False, 1e-5)
    assert another == PopulationRate(ANOTHER.name, True, pytest.approx(1e-4, rel=1e-3), True, 2e-4)
    assert stated.covered is False
    data = json.loads(json.dumps(found.to_dict()))["fmr_by_population"]
    assert [each["population"] for each in data] == [ONE.name, ANOTHER.name, STATED.name]
    assert data[1].keys() == {
        *("population", "covered", "value", "at_most", "extrapolated", "resolution"),
    }
    assert compare(first, second, CURVE).to_dict()["fmr_by_population"] == []


def test_populations_survive_a_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(WITH.to_dict()))
    loaded = Calibration.load(path)
    for each, wanted in zip(loaded.populations, WITH.populations, strict=True):
        assert each.described() == wanted.described()
        np.testing.assert_allclose(each.fmr, wanted.fmr)
    assert "populations" not in CURVE.to_dict()  # a file of before is what it was


@given(
    hnp.arrays(np.float64, (3, 6), elements=st.floats(1e-9, 1.0)),
)
def test_rounding_in_the_file_breaks_no_promise(curves: np.ndarray) -> None:
    curves = np.sort(curves, axis=1)
    calibration = Calibration(
        CURVE.distance,
        curves.max(axis=0),
        CURVE.fnmr,
        1e-5,
        populations=tuple(
            Population(str(k), "", 2, True, 1e-3, curve) for k, curve in enumerate(curves)
        ),
    )
    data = calibration.to_dict()
    for each in data["populations"]:
        assert (np.array(data["fmr"]) >= np.array(each["fmr"])).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "people of another"}, "two of a calibration's populations are called"),
        ({"name": " "}, "name must be words"),
        ({"name": "a\nb"}, "name must be words"),
        ({"name": 3}, "name must be words"),
        ({"people": 1}, "two people or more"),
        ({"people": "many"}, "two people or more"),
        ({"covered": "yes"}, "covered"),
        ({"resolution": 0}, "resolution"),
        ({"fmr": [1e-6, 1e-6, 1e-5]}, "one rate per point"),
        ({"fmr": [1e-6, 1e-5, 1e-6, 5e-5, 5e-3, 1.0]}, "must not fall"),
        ({"fmr": [0, 1e-6, 1e-5, 5e-5, 5e-3, 1.0]}, "above 0"),
        ({"fmr": [1e-6, 1e-6, 1e-5, 5e-5, 5e-3, 1.5]}, "up to 1"),
        ({"fmr": [1e-6, 1e-6, 1.1e-5, 5e-5, 5e-3, 1.0]}, "lies below that of the covered"),
        ({"fmr": "high"}, "not a calibration"),
    ],
)
def test_damaged_populations_are_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    data = WITH.to_dict()
    data["populations"][0] |= change
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(data))
    with pytest.raises(PackError, match=message) as raised:
        Calibration.load(path)
    assert "not a calibration" in str(raised.value)


@pytest.mark.parametrize("wrong", [None, 3, "abc", [1], [{}], [{"name": "a"}], {"name": "a"}])
def test_populations_of_another_form_are_refused(tmp_path: Path, wrong: object) -> None:
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({**CURVE.to_dict(), "populations": wrong}))
    with pytest.raises(PackError, match="not a calibration"):
        Calibration.load(path)


NEAR, FAR = (Comparison(d, 1 - d * d / 2, CURVE.fmr_at(d)) for d in (0.35, 1.1))


def finding(severity: Severity) -> Finding:
    return Finding("code", "probe", "something is wrong", severity)


def test_a_doubt_turns_a_match_and_nothing_else() -> None:
    policy, doubt = Policy(), [finding(Severity.DOUBT)]
    assert policy.decide(NEAR)[0] is Decision.MATCH
    decision, reason = policy.decide(NEAR, doubt)
    assert decision is Decision.INCONCLUSIVE
    assert "probe: something is wrong" in reason
    assert policy.decide(FAR, doubt) == policy.decide(FAR)


def test_a_refusal_leaves_nothing_to_decide() -> None:
    for comparison in (None, NEAR, FAR):
        decision, reason = Policy().decide(comparison, [finding(Severity.REFUSAL)])
        assert decision is Decision.NOT_COMPARABLE
        assert reason == "probe: something is wrong"
    assert Policy().decide(None)[0] is Decision.NOT_COMPARABLE


def test_a_warning_changes_nothing() -> None:
    for comparison in (NEAR, FAR):
        warned = Policy().decide(comparison, [finding(Severity.WARNING)])
        assert warned == Policy().decide(comparison)


def test_each_role_has_demands_of_its_own() -> None:
    policy = Policy(min_document_quality={"sharpness": 10}, min_live_quality={"sharpness": 40})
    assert policy.demands(Role.DOCUMENT) == {"sharpness": 10}
    assert policy.demands(Role.LIVE) == {"sharpness": 40}
    assert policy.demands(Role.PHOTO) == {}
    assert json.loads(json.dumps(policy.to_dict()))["min_live_quality"] == {"sharpness": 40}


def test_a_policy_is_a_value() -> None:
    asked = {"sharpness": 40}
    policy = Policy(min_live_quality=asked)
    asked["sharpness"] = 0
    assert policy.demands(Role.LIVE) == {"sharpness": 40}
    assert hash(policy) == hash(Policy(min_live_quality={"sharpness": 40}))
    assert policy == Policy(min_live_quality={"sharpness": 40}) != Policy()


def test_the_reason_has_as_many_digits_as_it_takes() -> None:
    above = Comparison(0.5, 0.87, FalseMatchRate(1.0004e-3, at_most=False))
    decision, reason = Policy().decide(above)
    assert decision is Decision.NO_MATCH
    assert "is 0.0010004; the policy rejects above 0.001" in reason
