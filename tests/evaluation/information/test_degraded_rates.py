"""Rates of degraded faces on made-up embeddings, of which the answers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from renzheng import InvalidInput
from renzheng.evaluation.information import rates
from renzheng.evaluation.information.acquisition import DegradedFaces
from renzheng.evaluation.information.fitting import (
    FittingPeople,
    LevelSettings,
    fit_levels,
    kept_levels,
)
from renzheng.evaluation.information.rates import decide, thresholds_of
from renzheng.evaluation.statistics.bootstrap import draw_weights
from renzheng.verification.calibration import Calibration
from renzheng.verification.information import InformationLevel

PEOPLE = 60
DISTANCE = np.linspace(0.0, 2.0, 201)
FMR = np.clip(10.0 ** (-4 + 8 * (DISTANCE - 1.0)), 1e-12, 1.0)  # 1e-4 at a distance of 1


def calibration(**more: object) -> Calibration:
    return Calibration(DISTANCE, FMR, np.linspace(1, 0, 201), 1e-6, **more)  # type: ignore[arg-type]


def level(min_strength: float, nearer: float) -> InformationLevel:
    """Rates of 1e-4 at a distance of 1 - nearer."""
    return InformationLevel(min_strength, np.clip(FMR * 10 ** (8 * nearer), 0, 1))


def faces(
    *kinds: tuple[str, float, float, float], people: int = PEOPLE, seed: int = 0
) -> DegradedFaces:
    """Faces by name, strength, spread of strength and how far all people have come together."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(people, 128))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    middle = np.zeros(128)
    middle[0] = 1
    embeddings, strengths = [], []
    for _, strength, spread, together in kinds:
        moved = (1 - together) * rows + together * middle
        embeddings.append(moved / np.linalg.norm(moved, axis=1, keepdims=True))
        strengths.append(strength + spread * rng.uniform(-1, 1, people))
    names = tuple(kind[0] for kind in kinds)
    return DegradedFaces(names, np.array(embeddings, np.float32), np.array(strengths))


CLEAN = ("clean", 12.0, 1.0, 0.0)
LOST = ("lost", 5.0, 0.5, 0.8)
WEIGHTS = np.stack(list(draw_weights(np.arange(PEOPLE), 50)))


def test_a_level_has_a_threshold_of_its_own() -> None:
    found = thresholds_of(calibration(min_strength=10.0, weaker=(level(8.0, 0.2),)), 1e-4)
    assert found.ordinary == pytest.approx(1.0)
    assert found.at(np.array([10.0, 8.0, 7.9])).tolist() == pytest.approx([1.0, 0.8, -1])
    distance = np.array([0.9, 0.9, 0.7, 0.7, 0.0, 1.1])
    strength = np.array([10.0, 9.99, 8.0, 7.99, 0.1, 20.0])
    decided = decide(found, distance, strength)
    assert decided.before.tolist() == [True, True, True, True, True, False]
    assert decided.after.tolist() == [True, False, True, False, False, False]
    assert decided.doubt.tolist() == [False, False, False, True, True, False]


def test_without_levels_strength_counts_for_nothing() -> None:
    decided = decide(thresholds_of(calibration(), 1e-4), np.array([0.9, 0.9]), np.array([0.1, 99]))
    assert decided.after.all()
    assert not decided.doubt.any()


@pytest.mark.parametrize("strength", [0.5, 7.99, 8.0, 9.0, 10.0, 30.0])
@pytest.mark.parametrize("distance", [0.1, 0.79, 0.81, 0.99, 1.01])
def test_a_decision_is_that_of_the_calibrations_rate(strength: float, distance: float) -> None:
    given = calibration(min_strength=10.0, weaker=(level(8.0, 0.2),))
    decided = decide(thresholds_of(given, 1e-4), np.array([distance]), np.array([strength]))
    rate = given.fmr_at(distance, strength)
    assert bool(decided.doubt[0]) == (rate is None)
    assert bool(decided.after[0]) == (rate is not None and rate.value <= 1e-4)


def test_faces_that_fall_together_match_before_and_are_in_doubt_after() -> None:
    found = faces(CLEAN, LOST)
    thresholds = thresholds_of(calibration(min_strength=10.0), 1e-4)
    clean, lost = found.of(0), found.of(1)
    alike = rates.pair_rates(*rates.compare(*lost, *lost), thresholds, WEIGHTS, alike=True)
    assert alike is not None
    assert alike.pairs == PEOPLE * (PEOPLE - 1) // 2 == alike.before_count
    assert (alike.before.value, alike.after.value, alike.after_count) == (1, 0, 0)
    assert alike.doubt == 1
    assert 0 < alike.after.high < 0.01
    one_sided = rates.pair_rates(*rates.compare(*lost, *clean), thresholds, WEIGHTS, alike=False)
    assert one_sided is not None
    assert one_sided.pairs == PEOPLE * (PEOPLE - 1)
    assert one_sided.doubt == 0
    assert one_sided.before_count == one_sided.after_count == 0


def test_people_without_a_face_make_no_pairs() -> None:
    found = faces(CLEAN)
    found.embeddings[0, :2], found.strengths[0, :2] = np.nan, np.nan
    thresholds = thresholds_of(calibration(), 1e-4)
    clean = found.of(0)
    rate = rates.pair_rates(*rates.compare(*clean, *clean), thresholds, WEIGHTS, alike=True)
    assert rate is not None
    assert rate.pairs == (PEOPLE - 2) * (PEOPLE - 3) // 2
    found.strengths[:], found.embeddings[:] = np.nan, np.nan
    assert rates.pair_rates(*rates.compare(*clean, *clean), thresholds, WEIGHTS, alike=True) is None
    assert rates.genuine_shares(*clean, *clean, thresholds) is None


def test_true_matches_are_lost_where_both_sides_are_weak() -> None:
    found = faces(CLEAN, LOST)
    thresholds = thresholds_of(calibration(min_strength=10.0), 1e-4)
    clean, lost = found.of(0), found.of(1)
    both = rates.genuine_shares(*lost, *lost, thresholds)
    assert both is not None
    assert (both.before.value, both.after.value) == (1, 0)
    assert both.doubt is not None
    assert both.doubt.value == 1
    same = rates.genuine_shares(*clean, *clean, thresholds)
    assert same is not None
    assert same.before.value == same.after.value == 1


def test_a_gallery_identifies_no_stranger_by_a_comparison_without_a_rate() -> None:
    found = faces(CLEAN, LOST)
    enrolled = np.arange(PEOPLE) < 20
    given = calibration(min_strength=10.0)
    lost = rates.gallery_rates(found, found, (1, 1), enrolled, given, 0.01)
    clean = rates.gallery_rates(found, found, (0, 0), enrolled, given, 0.01)
    assert lost is not None
    assert clean is not None
    assert lost.enrolled == clean.enrolled == 20
    assert (lost.strangers.before.count, lost.strangers.after.count) == (40, 0)
    assert (clean.strangers.before.count, clean.strangers.after.count) == (0, 0)
    assert clean.mates is not None
    assert (clean.mates.before.value, clean.mates.after.value) == (1, 1)
    assert clean.mates.before.of == 20
    # So many people need a false match rate below what the calibration resolves.
    assert rates.gallery_rates(found, found, (0, 0), enrolled, given, 1e-6) is None


def test_levels_are_fitted_where_there_is_data() -> None:
    people = faces(
        CLEAN, ("mild", 8.0, 3.0, 0.3), ("strong", 7.0, 2.5, 0.45), LOST, people=150, seed=1
    )
    settings = LevelSettings(strengths=(0.8, 0.6, 0.4), min_distance=0.3, min_pairs=300)
    fitted = fit_levels(calibration(), [FittingPeople("made up", people)], settings)
    assert fitted.min_strength is not None
    assert np.mean(people.strengths[0] < fitted.min_strength) == pytest.approx(0.04, abs=0.01)
    assert 1 <= len(fitted.weaker) <= 3
    reached = [1.0]
    for share, each in zip(settings.strengths, fitted.weaker, strict=False):
        assert each.min_strength == pytest.approx(share * fitted.min_strength)
        assert (each.fmr >= fitted.fmr).all()
        reached.append(fitted.threshold_at(1e-4, each.min_strength))
    assert reached == sorted(reached, reverse=True)
    # On other people the promise holds, by comparisons that count.
    other = faces(CLEAN, ("mild", 8.0, 3.0, 0.3), LOST, people=100, seed=2)
    thresholds = thresholds_of(fitted, 1e-2)
    weights = np.ones((1, 100))
    for k in (1, 2):
        one = other.of(k)
        rate = rates.pair_rates(*rates.compare(*one, *one), thresholds, weights, alike=True)
        assert rate is not None
        assert rate.after.value <= 0.03
        assert rate.doubt < 1 or k == 2


def test_a_level_that_serves_nobody_is_dropped() -> None:
    people = [FittingPeople("made up", faces(CLEAN, ("lost", 8.0, 4.0, 0.8), people=150))]
    settings = LevelSettings(strengths=(0.8, 0.6))
    fitted = fit_levels(calibration(), people, settings)
    assert fitted.weaker == ()
    assert fitted.min_strength is not None
    assert fitted.fmr_at(0.5, fitted.min_strength * 0.99) is None
    # Levels that were there before are not taken for those of these people.
    again = fit_levels(replace(fitted, weaker=(level(1.0, 0.2),)), people, settings)
    assert again.weaker == ()


def test_settings_and_people_that_cannot_work_are_refused() -> None:
    with pytest.raises(InvalidInput, match="must fall"):
        LevelSettings(strengths=(0.8, 0.9))
    with pytest.raises(InvalidInput, match="weak clean"):
        LevelSettings(clean_share=1.0)
    with pytest.raises(InvalidInput, match="two people"):
        fit_levels(calibration(), [])


def test_a_calibration_for_other_people_keeps_the_networks_levels() -> None:
    old = calibration(min_strength=10.0, weaker=(level(8.0, 0.2),), nearest_genuine=0.3)
    # These people look more alike, at other distances.
    distance = np.linspace(0.0, 2.0, 151)
    fmr = np.clip(10.0 ** (-4 + 4 * (distance - 0.9)), 1e-12, 1.0)
    new = Calibration(distance, fmr, np.linspace(1, 0, 151), 1e-6)
    kept = kept_levels(new, old)
    assert (kept.min_strength, kept.nearest_genuine) == (10.0, 0.3)
    assert kept.threshold_at(1e-4, 10.0) == pytest.approx(0.9)
    assert kept.threshold_at(1e-4, 9.0) == pytest.approx(0.8, abs=0.01)
    assert kept.threshold_at(1e-6, 9.0) == pytest.approx(new.threshold_at(1e-6), abs=0.01)
    assert kept.fmr_at(0.5, 7.9) is None
    assert kept_levels(new, calibration()).min_strength is None
