"""Rates hold for faces that show enough; weaker ones have rates of their own, or none."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import Calibration, Decision, InvalidInput, Policy, Role, Severity, Verifier
from renzheng.types import InformationGrade, Measurement
from renzheng.verification import information
from renzheng.verification.calibration import Population
from renzheng.verification.distance import compare
from renzheng.verification.information import InformationLevel
from renzheng.verification.templates import FaceTemplate

DISTANCE = np.array([0.2, 0.4, 0.6, 0.8, 1.0, 1.2])
FMR = np.array([1e-6, 1e-6, 1e-5, 1e-4, 1e-2, 1.0])
WEAKER = np.array([1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0])
CALIBRATION = Calibration(
    distance=DISTANCE,
    fmr=FMR,
    fnmr=np.array([0.9, 0.5, 0.2, 0.05, 0.01, 0.0]),
    resolution=1e-6,
    llr=np.array([9.0, 6.0, 3.0, 1.0, -2.0, -4.0]),
    populations=(Population("everyone", "made up", 100, True, 1e-6, FMR),),
    min_strength=10.0,
    weaker=(InformationLevel(8.0, WEAKER), InformationLevel(7.0, np.maximum(WEAKER, 0.5))),
)


def pair(distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Return two embeddings of unit length at a distance."""
    angle = 2 * np.arcsin(distance / 2)
    one, other = np.zeros(8, np.float32), np.zeros(8, np.float32)
    one[0], other[:2] = 1, (np.cos(angle), np.sin(angle))
    return one, other


@pytest.mark.parametrize(
    ("strengths", "grade", "rate"),
    [
        ((12.0, 12.0), "full", 1e-5),
        ((12.0, 1.0), "full", 1e-5),
        ((1.0, 10.0), "full", 1e-5),
        ((9.99, 3.0), "limited", 1e-3),
        ((7.5, 7.9), "limited", 0.5),
        ((6.99, 6.0), "insufficient", None),
        ((None, 12.0), "unknown", 1e-5),
        ((6.0, None), "unknown", 1e-5),
    ],
)
def test_the_stronger_side_decides_which_rate_holds(
    strengths: tuple[float | None, float | None], grade: str, rate: float | None
) -> None:
    found = compare(*pair(0.6), CALIBRATION, strengths)
    assert found.information.grade == grade
    assert (found.fmr is None) == (rate is None)
    assert (found.llr is None) == (rate is None)
    if found.fmr is not None:
        assert found.fmr.value == pytest.approx(rate)
    assert bool(found.populations) == (grade in ("full", "unknown"))
    assert found.to_dict()["information"] == {
        "grade": grade, "reference": strengths[0], "probe": strengths[1], "wanted": 10.0
    }  # fmt: skip


def test_evidence_is_weaker_by_as_much_as_the_rate_is_higher() -> None:
    full, limited = (CALIBRATION.llr_at(0.6, strength) for strength in (11.0, 8.5))
    assert full == pytest.approx(3.0)
    assert limited == pytest.approx(3.0 - np.log(1e-3 / 1e-5))


@given(st.floats(0, 2), st.floats(0.1, 20), st.floats(0.1, 20))
def test_more_strength_never_raises_a_rate(distance: float, one: float, other: float) -> None:
    weak, strong = (CALIBRATION.fmr_at(distance, s) for s in sorted((one, other)))
    if strong is None:
        assert weak is None
    elif weak is not None:
        assert weak.value >= strong.value * (1 - 1e-9)


@given(st.floats(0.1, 20), st.floats(1e-6, 1.0))
def test_a_threshold_keeps_its_rate_at_every_strength(strength: float, rate: float) -> None:
    threshold = CALIBRATION.threshold_at(rate, strength)
    if threshold >= 0:
        found = CALIBRATION.fmr_at(threshold, strength)
        assert found is not None
        assert found.value <= rate * (1 + 1e-6)
    else:
        lowest = CALIBRATION.fmr_at(0.0, strength)
        assert lowest is None or lowest.value > rate


def test_levels_are_kept_in_the_file(tmp_path: Path) -> None:
    import json

    path = tmp_path / "calibration.json"
    whole = replace(CALIBRATION, nearest_genuine=0.3)
    path.write_text(json.dumps(whole.to_dict()))
    again = Calibration.load(path)
    assert again.min_strength == 10.0
    assert again.nearest_genuine == 0.3
    assert [each.min_strength for each in again.weaker] == [8.0, 7.0]
    np.testing.assert_allclose(again.weaker[0].fmr, WEAKER)


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_strength": None},
        {"min_strength": 8.0},
        {"min_strength": float("nan")},
        {"weaker": (InformationLevel(7.0, WEAKER), InformationLevel(8.0, WEAKER))},
        {"weaker": (InformationLevel(7.0, WEAKER[:-1]),)},
        {"weaker": (InformationLevel(7.0, FMR / 2),)},
        {"nearest_genuine": -1.0},
    ],
)
def test_levels_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        replace(CALIBRATION, **wrong)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(roles=(Role.PHOTO, Role.PHOTO), threads=1)


def judged(verifier: Verifier, strengths: tuple[float | None, float | None]) -> object:
    """Compare two templates that lie near one another, in the given strengths."""
    calibration = CALIBRATION
    changed = verifier.with_policy(Policy(max_fmr=1e-4))
    changed.calibration = calibration
    one, other = pair(0.3)
    digest = verifier.pack.digest
    return changed.compare_templates(
        *(
            FaceTemplate(name, Role.PHOTO, digest, embedding=row, strength=strength)
            for name, row, strength in zip("ab", (one, other), strengths, strict=True)
        )
    )


def test_too_little_of_a_face_is_never_a_match(verifier: Verifier) -> None:
    outcome = judged(verifier, (6.0, 5.0))
    assert outcome.decision is Decision.INCONCLUSIVE
    assert "too little of a face" in outcome.reason
    (finding,) = outcome.findings
    assert (finding.code, finding.side, finding.severity) == (
        "little_information", "probe", Severity.DOUBT
    )  # fmt: skip
    assert outcome.comparison.fmr is None


def test_a_strong_side_is_enough_for_a_match(verifier: Verifier) -> None:
    outcome = judged(verifier, (6.0, 11.0))
    assert outcome.decision is Decision.MATCH
    assert outcome.findings == ()


def test_little_of_a_face_has_to_lie_nearer(verifier: Verifier) -> None:
    near = judged(verifier, (9.0, 9.0))
    assert near.decision is Decision.MATCH
    assert [each.code for each in near.findings] == ["limited_information"]
    assert near.comparison.fmr.value == pytest.approx(10**-4.5)


def test_a_template_without_strength_says_so(verifier: Verifier) -> None:
    outcome = judged(verifier, (None, 11.0))
    assert outcome.decision is Decision.MATCH
    assert [(each.code, each.side) for each in outcome.findings] == [
        ("unknown_strength", "reference")
    ]
    assert outcome.comparison.information.grade is InformationGrade.UNKNOWN


def test_a_template_stored_before_strengths_can_be_read() -> None:
    old = FaceTemplate("old.jpg", Role.PHOTO, "digest", embedding=pair(0.5)[0])
    state = dict(old.__dict__)
    del state["strength"]  # as an older version pickled it
    again = object.__new__(FaceTemplate)
    again.__dict__.update(state)
    assert pickle.loads(pickle.dumps(again)).strength is None


def quality(**components: int) -> dict[str, Measurement]:
    return {name: Measurement(0.0, component) for name, component in components.items()}


@pytest.mark.parametrize(
    ("measured", "share"),
    [
        ({}, 1.0),
        ({"eyes_visible": 100, "sharpness": 90, "effective_resolution": 100}, 1.0),
        ({"eyes_visible": 25, "sharpness": 90, "effective_resolution": 100}, 0.5),
        ({"eyes_visible": 0}, 0.0),
        ({"sharpness": 20, "effective_resolution": 100}, 0.5),  # the camera moved
        ({"sharpness": 20, "effective_resolution": 10}, 0.9),  # a small picture, enlarged
        ({"sharpness": 3, "effective_resolution": 0}, 0.5),
        ({"blockiness": 10, "upright": 5}, 0.1),
    ],
)
def test_quality_reduces_a_strength_in_proportion(measured: dict[str, int], share: float) -> None:
    assert information.strength_of(12.0, quality(**measured)) == pytest.approx(12.0 * share)


def test_the_measures_that_reduce_a_strength_exist() -> None:
    from renzheng.faces.quality import MEASURES

    assert set(information._ENOUGH) <= set(MEASURES)
    assert "effective_resolution" in MEASURES
