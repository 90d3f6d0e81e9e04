"""The policy of one-to-many search: when the nearest entry is an identification."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from renzheng.errors import InvalidInput
from renzheng.gallery.entries import Candidate, SearchDecision
from renzheng.types import Finding, Severity

_TOO_LITTLE = (
    "both the probe and the nearest entry show too little of a face for any rate to hold; a person "
    "should look, or take a better picture"
)


@dataclass(frozen=True)
class SearchPolicy:
    """The rates at which a search is an identification.

    Attributes
    ----------
    max_fpir
        The highest accepted false positive identification rate: at 0.01, one of a hundred searches
        for people who are not in the gallery identifies somebody who is.
    inconclusive
        The factor on `max_fpir` up to which the decision is "inconclusive" and a person should
        look; 1 switches that zone off.
    """

    max_fpir: float = 0.01
    inconclusive: float = 10.0

    def __post_init__(self) -> None:
        for name in ("max_fpir", "inconclusive"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise InvalidInput(f"{name} must be a number, not {value!r}")
        if not 0 < self.max_fpir < 1:
            raise InvalidInput(f"max_fpir must lie between 0 and 1, not {self.max_fpir:g}")
        if not 1 <= self.inconclusive < math.inf:
            raise InvalidInput(f"inconclusive must be 1 or more, not {self.inconclusive:g}")

    def to_dict(self) -> dict[str, float]:
        """Return plain values for JSON."""
        return {"max_fpir": self.max_fpir, "inconclusive": self.inconclusive}

    def decide(
        self, candidates: Sequence[Candidate], findings: Sequence[Finding] = ()
    ) -> tuple[SearchDecision, str]:
        """Return the decision and the sentence that explains it.

        It rests on the candidate with the lowest FPIR: the nearest one, unless the nearest and the
        probe both show so little of a face that its rate is higher, or that it has none, and a
        better entry lies behind it. Nobody is identified without a rate, nor where somebody else
        lies nearer; and nobody is rejected where the nearest entry has no rate.

        Parameters
        ----------
        candidates
            The nearest entries, nearest first.
        findings
            The findings against the probe: after a refusal there is nothing to search with, and
            with a doubt nobody is identified.
        """
        refusals = [each.message for each in findings if each.severity is Severity.REFUSAL]
        if refusals:
            return SearchDecision.NOT_COMPARABLE, "; ".join(refusals)
        if not candidates:
            return SearchDecision.NOT_IDENTIFIED, "there was no entry to compare with"
        nearest, best = candidates[0], deciding(candidates)
        if best is None or best.fpir is None:
            return SearchDecision.INCONCLUSIVE, _TOO_LITTLE
        fpir = best.fpir
        accepted, rejected = self.max_fpir, min(self.max_fpir * self.inconclusive, 1.0)
        near = "near" if best is nearest else f"near to {best.entry.id!r} (rank {best.rank})"
        rate = f"a search for a stranger comes as {near} with a rate of {fpir}"
        if fpir.value <= accepted * (1 + 1e-9):
            doubts = [each.message for each in findings if each.severity is Severity.DOUBT]
            others = [each for each in candidates if each.rank < best.rank]
            others = [each for each in others if each.entry.person != best.entry.person]
            if others:
                doubts.append(
                    f"{others[0].entry.id!r} lies nearer than {best.entry.id!r}, and shows too "
                    "little of a face to be told apart from strangers"
                )
            if doubts:
                return (
                    SearchDecision.INCONCLUSIVE,
                    f"near enough for an identification, but {'; '.join(doubts)}",
                )
            return SearchDecision.IDENTIFIED, f"{rate}; the policy accepts up to {accepted:.2g}"
        if nearest.fpir is None:
            return SearchDecision.INCONCLUSIVE, _TOO_LITTLE
        if fpir.at_most:
            return SearchDecision.INCONCLUSIVE, (
                f"{rate}, and nothing lower can be promised in a gallery of this size; a person "
                "should look (`renzheng gallery calibrate` measures lower rates on large galleries)"
            )
        if fpir.value <= rejected * (1 + 1e-9):
            return SearchDecision.INCONCLUSIVE, (
                f"{rate}, between {accepted:.2g} (identified) and {rejected:.2g} (not identified); "
                "a person should look"
            )
        return SearchDecision.NOT_IDENTIFIED, f"{rate}; the policy rejects above {rejected:.2g}"


def deciding(candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate with the lowest FPIR, the nearest of these; None if none has a rate."""
    rated = [(each.fpir.value, each.rank, each) for each in candidates if each.fpir is not None]
    return min(rated, default=(0, 0, None))[2]
