"""Plots of too little data; warnings are errors here, matplotlib's too."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from renzheng.evaluation.comparisons.measurement import measure
from renzheng.evaluation.comparisons.scores import Scores
from renzheng.evaluation.comparisons.study import Study

pytest.importorskip("matplotlib")
from renzheng.apps.reports.evaluation.comparisons import plots

TOO_FEW = "too few comparisons"


def study(genuine: list[float], impostor: list[float]) -> Study:
    """One pair of pictures a distance; the impostors are neighbours."""
    count = len(genuine)
    scores = Scores(
        person=np.arange(count).repeat(2),
        genuine=np.array(genuine),
        genuine_pairs=np.arange(2 * count, dtype=np.int32).reshape(count, 2),
        impostor=np.array(impostor),
        impostor_pairs=np.array([[2 * k, 2 * k + 2] for k in range(len(impostor))], np.int32),
    )
    return Study(
        "made up", measure(scores, draws=2), scores, (), 2 * count, 2 * count, None, (), (), 0, {}
    )  # fmt: skip


@pytest.fixture(scope="module")
def parted() -> Study:
    """Two people who are never taken for each other: no threshold errs both ways."""
    return study([0.2, 0.3], [1.2])


@pytest.fixture(scope="module")
def mixed() -> Study:
    return study([0.2, 0.9, 0.4, 1.3], [0.3, 1.2, 1.0])


def test_no_curve_and_no_legend_but_words(parted: Study) -> None:
    assert TOO_FEW in plots.det({"one": parted})
    assert TOO_FEW in plots.det({"one": parted, "two": parted})
    assert TOO_FEW in plots.channels({"one": parted, "two": parted}, 1e-4)
    assert TOO_FEW in plots.promised(parted)
    assert TOO_FEW in plots.roc(parted)
    assert "same person" in plots.histogram(parted)


def test_enough_is_drawn_without_the_words(parted: Study, mixed: Study) -> None:
    for drawn in (plots.det({"one": mixed}), plots.histogram(mixed), plots.roc(mixed)):
        assert TOO_FEW not in drawn
    both = plots.det({"clear": mixed, "nothing": parted})
    assert "clear" in both
    assert "nothing" not in both  # which has no curve has no name in the legend
    assert TOO_FEW not in both


def test_a_study_of_no_distance_has_an_empty_histogram(mixed: Study) -> None:
    none = np.empty(0)
    empty = replace(mixed, scores=replace(mixed.scores, genuine=none, impostor=none))
    assert TOO_FEW in plots.histogram(empty)
