"""Rates of presentation attack detection, counted by hand and held against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import InvalidInput
from renzheng.evaluation.attacks import error_rates
from renzheng.evaluation.statistics.proportion import Proportion

# Ten live faces, four prints, five screens; a live face and a screen without a score.
LIVE = [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97, 0.99, np.nan]
PRINT = [0.05, 0.2, 0.4, 0.5]
SCREEN = [0.1, 0.1, 0.2, 0.65, 0.85, np.nan]
SCORES = np.array([*LIVE, *PRINT, *SCREEN])
ATTACK = np.array([""] * len(LIVE) + ["print"] * len(PRINT) + ["screen"] * len(SCREEN))


def test_errors_at_a_threshold_counted_by_hand() -> None:
    found = error_rates.rates(SCORES, ATTACK, 0.5)
    assert {k: (p.count, p.of) for k, p in found.apcer.items()} == {
        "print": (1, 4),  # the score on the threshold is live
        "screen": (2, 5),
    }
    assert found.bpcer is not None
    assert (found.bpcer.count, found.bpcer.of) == (2, 10)
    assert found.worst == "screen"
    plain = found.to_dict()
    assert plain["highest_apcer"]["type"] == "screen"
    assert plain["highest_apcer"]["value"] == 0.4
    assert plain["bpcer"]["value"] == 0.2
    assert "acer" not in plain


@pytest.mark.parametrize(
    ("apcer", "threshold", "rejected"),
    [
        (0.1, 0.85, 6),  # nobody may pass: above every attack
        (0.2, 0.65, 4),  # one of five screens may, none of four prints: 0.65 must not
        (0.25, 0.65, 4),
        (0.4, 0.4, 2),  # two screens, one print: above 0.2 and above 0.4
        (0.5, 0.2, 1),
        (0.8, 0.1, 1),  # the two screens at 0.1 tie: both are kept out
    ],
)
def test_operating_points_counted_by_hand(apcer: float, threshold: float, rejected: int) -> None:
    point = error_rates.operating_point(SCORES, ATTACK, apcer)
    assert point is not None
    assert point.rates.threshold == np.nextafter(threshold, 1)
    assert point.rates.bpcer is not None
    assert (point.rates.bpcer.count, point.rates.bpcer.of) == (rejected, 10)
    assert all(share.value <= apcer for share in point.rates.apcer.values())


def test_points_bear_the_standards_names_and_own_to_thin_data() -> None:
    points = [error_rates.operating_point(SCORES, ATTACK, a) for a in error_rates.APCERS]
    assert [p.name for p in points if p] == ["BPCER100", "BPCER20", "BPCER10"]
    assert [p.thin for p in points if p] == [("print", "screen")] * 3
    fifth = error_rates.operating_point(SCORES, ATTACK, 0.2)
    assert fifth is not None
    assert fifth.thin == ("print",)  # one of five can be seen, of four not


@given(
    st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.integers(0, 20)), max_size=60),
    st.sampled_from([0.01, 0.05, 0.1, 1 / 3]),
)
def test_no_lower_threshold_would_do(rows: list[tuple[str, int]], apcer: float) -> None:
    attack = np.array([kind for kind, _ in rows], "<U1")
    scores = np.array([score / 20 for _, score in rows])
    point = error_rates.operating_point(scores, attack, apcer)
    if point is None:
        assert set(attack) < {"", "a", "b"}
        return
    rates = point.rates
    assert all(share.value <= apcer + 1e-12 for share in rates.apcer.values())
    if rates.threshold > 0:
        below = error_rates.rates(scores, attack, float(np.nextafter(rates.threshold, 0)))
        assert any(share.value > apcer for share in below.apcer.values())


def test_a_kind_that_is_missing_leaves_its_rates_out() -> None:
    only = error_rates.rates(SCORES[ATTACK == ""], ATTACK[ATTACK == ""], 0.5)
    assert only.apcer == {}
    assert only.worst is None
    assert only.to_dict()["highest_apcer"] is None
    attacks = error_rates.rates(SCORES[ATTACK != ""], ATTACK[ATTACK != ""], 0.5)
    assert attacks.bpcer is None
    assert error_rates.operating_point(SCORES[ATTACK != ""], ATTACK[ATTACK != ""], 0.1) is None


@pytest.mark.parametrize("of", [1, 2, 7, 30, 1000, 87_213])
def test_intervals_are_clopper_and_pearsons(of: int) -> None:
    beta = pytest.importorskip("scipy.stats").beta
    for count in sorted({0, 1, of // 3, of // 2, of - 1, of}):
        share = Proportion.exact(count, of)
        low = 0.0 if count == 0 else beta.ppf(0.025, count, of - count + 1)
        high = 1.0 if count == of else beta.ppf(0.975, count + 1, of - count)
        assert share.low == pytest.approx(low, rel=1e-6, abs=1e-12)
        assert share.high == pytest.approx(high, rel=1e-6)


@pytest.mark.parametrize(("count", "of"), [(0, 0), (3, 2), (-1, 5)])
def test_impossible_shares_are_refused(count: int, of: int) -> None:
    with pytest.raises(InvalidInput):
        Proportion.exact(count, of)
