"""The bootstrap over people and its intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from made_up import embeddings
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.evaluation.statistics.bootstrap import bootstrap, draw_weights, interval


def test_weights_repeat_with_their_seed_and_take_everything_of_a_person_together() -> None:
    people = np.array([3, 0, 3, 5, 0, 3])
    drawn = [np.stack(list(draw_weights(people, 20, seed=seed))) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert (drawn[0] != drawn[2]).any()
    assert drawn[0].shape == (20, 6)
    np.testing.assert_array_equal(drawn[0].sum(axis=1), 3)  # as many as there are people
    np.testing.assert_array_equal(drawn[0][:, [1, 2, 4]], 0)


def test_statistics_are_measured_on_everyone_and_drawn_with_weights() -> None:
    heights = np.array([1.5, 1.8, 1.6, 1.9])

    def statistics(weight: npt.NDArray[np.float64] | None) -> dict[str, npt.ArrayLike]:
        weight = np.ones(4) if weight is None else weight
        return {"mean": heights @ weight / weight.sum(), "parts": [weight[0], weight[1:].sum()]}

    told: list[tuple[int, int]] = []
    people = np.arange(4)
    found = bootstrap(people, statistics, 30, seed=3, progress=lambda *a: told.append(a))
    assert told == [(n, 30) for n in range(1, 31)]
    assert found.measured["mean"] == pytest.approx([1.7])
    weights = np.stack(list(draw_weights(people, 30, seed=3)))
    np.testing.assert_allclose(found.drawn["mean"][:, 0], weights @ heights / 4)
    np.testing.assert_array_equal(found.drawn["parts"][:, 0], weights[:, 0])
    mean = found.estimate("mean")
    assert mean == interval(mean.value, found.drawn["mean"][:, 0])
    assert [each.value for each in found.estimates("parts")] == [1, 3]
    without = bootstrap(people, statistics, 0)
    assert without.drawn["parts"].shape == (0, 2)
    assert np.isnan(without.estimate("mean").low)


def test_the_interval_covers_what_the_next_sample_of_people_shows() -> None:
    # 60 trials whose true rate is known from many people: about 95 % of intervals hold it.
    truth_rows, truth_person = embeddings(700, 3, spread=0.9, seed=1)
    truth = float(WeightedScores(compare_all(truth_rows, truth_person)).fnmr_at(1.0))
    held = 0
    rng = np.random.default_rng(0)
    for trial in range(60):
        chosen = rng.choice(700, 60, replace=False)
        rows = truth_rows.reshape(700, 3, -1)[chosen].reshape(180, -1)
        scores = compare_all(rows, np.repeat(np.arange(60), 3))
        found = bootstrap(
            scores.person,
            lambda weight, scores=scores: {"fnmr": WeightedScores(scores, weight).fnmr_at(1.0)},
            120,
            seed=trial,
        ).estimate("fnmr")
        held += found.low <= truth <= found.high
    assert held >= 50


def test_without_an_error_the_rule_of_three_bounds_the_rate() -> None:
    assert interval(0.0, [0.0] * 10, independent=300).high == pytest.approx(0.01)
    assert interval(0.0, [0.0, 0.5, 0.5, 0.5], independent=300).high == pytest.approx(0.5)
    assert interval(0.0, [0.0], independent=2).high == 1.0
    assert interval(0.1, [0.1] * 10, independent=300).high == pytest.approx(0.1)


def test_an_interval_holds_its_value_and_passes_over_what_could_not_be_drawn() -> None:
    found = interval(0.9, [0.1, 0.2, float("nan"), 0.3])
    assert (found.high, round(found.low, 3)) == (0.9, 0.105)
    nothing = interval(float("nan"), [0.1])
    assert np.isnan(nothing.low)
    assert nothing.to_dict() == {"value": None, "low": None, "high": None}
