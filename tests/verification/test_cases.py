"""Pictures that once got a wrong answer, with the right one."""

from __future__ import annotations

from pathlib import Path

from renzheng import Decision, Verifier


def test_two_different_women_are_no_match(cases: Path) -> None:
    # dlib's network saw them 0.38 apart and promised a false match rate of 1.3e-5
    result = Verifier().verify(cases / "false_match_a.png", cases / "false_match_b.jpg")
    assert result.decision is Decision.NO_MATCH
    assert result.comparison is not None
    assert result.comparison.distance > 1.2
