"""Policies: the error rate that a match may have, and the decision that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from renzheng.errors import InvalidInput
from renzheng.types import Comparison, Decision, Finding, InformationGrade, Role, Severity


@dataclass(frozen=True)
class Policy:
    """The condition for a match, stated as an error rate and not as a threshold.

    Attributes
    ----------
    max_fmr
        The highest false match rate of a match: 1e-4 accepts one zero-effort impostor in 10,000
        (ISO/IEC 19795-1).
    inconclusive
        The factor on `max_fmr` up to which the answer is "inconclusive", so that a person should
        look; 1 switches that zone off.
    min_document_quality, min_live_quality
        The lowest quality component accepted, 0 to 100, by the names of the measures in
        `renzheng.faces.quality.MEASURES`: a side below it is refused. Neither applies to
        photographs.
    allow_several_faces
        Whether a live picture may hold a second person's face of similar size, and a document a
        second person's portrait or a second person in the portrait's photograph. The face that the
        choice names is then compared.
    allow_same_picture
        Whether a live picture that is the document's own portrait can be a match.
    min_liveness
        The lowest liveness score accepted, 0 to 1; None takes the liveness pack's own threshold.
    """

    max_fmr: float = 1e-4
    inconclusive: float = 10.0
    min_document_quality: Mapping[str, int] = field(default_factory=dict)
    min_live_quality: Mapping[str, int] = field(default_factory=dict)
    allow_several_faces: bool = False
    allow_same_picture: bool = False
    min_liveness: float | None = None

    def __post_init__(self) -> None:
        for name in ("max_fmr", "inconclusive", "min_liveness"):
            value = getattr(self, name)
            if value is not None or name != "min_liveness":
                _require_number(name, value)
        for name in ("allow_several_faces", "allow_same_picture"):
            if not isinstance(getattr(self, name), bool):
                raise InvalidInput(f"{name} must be True or False, not {getattr(self, name)!r}")
        if not 0 < self.max_fmr < 1:
            raise InvalidInput(f"max_fmr must lie between 0 and 1, not {self.max_fmr:g}")
        if not 1 <= self.inconclusive < float("inf"):
            raise InvalidInput(f"inconclusive must be 1 or more, not {self.inconclusive:g}")
        if self.min_liveness is not None and not 0 <= self.min_liveness <= 1:
            raise InvalidInput(f"min_liveness must lie from 0 to 1, not {self.min_liveness:g}")
        for name in ("min_document_quality", "min_live_quality"):
            # A copy, so that no later change of the caller's mapping changes the policy.
            object.__setattr__(self, name, _quality_demands(getattr(self, name)))

    def __hash__(self) -> int:
        demands = (tuple(sorted(self.demands(role).items())) for role in Role)
        return hash((self.max_fmr, self.inconclusive, self.min_liveness, *demands))

    def demands(self, role: Role) -> Mapping[str, int]:
        """Return the lowest quality components that are accepted in this role."""
        if role is Role.DOCUMENT:
            return self.min_document_quality
        return self.min_live_quality if role is Role.LIVE else {}

    def decide(
        self, comparison: Comparison | None, findings: Sequence[Finding] = ()
    ) -> tuple[Decision, str]:
        """Return the decision and the sentence that explains it.

        Parameters
        ----------
        comparison
            The comparison; None where nothing was compared. Where both sides show too little of a
            face for any rate to hold, nothing is decided.
        findings
            The findings against it: a refusal leaves nothing to decide, and with a doubt there is
            no match.

        Raises
        ------
        InvalidInput
            If the comparison carries no false match rate, or only an upper bound above
            `max_fmr`: the calibration cannot promise what this policy asks for.
        """
        refusals = [each for each in findings if each.severity is Severity.REFUSAL]
        if comparison is None or refusals:
            return Decision.NOT_COMPARABLE, _joined(refusals) or "nothing was compared"
        doubts = [each for each in findings if each.severity is Severity.DOUBT]
        if comparison.information.grade is InformationGrade.INSUFFICIENT:
            return Decision.INCONCLUSIVE, _joined(doubts) or "both show too little of a face"
        decision, reason = self._decide_by_rate(comparison)
        if decision is Decision.MATCH and doubts:
            return Decision.INCONCLUSIVE, f"near enough for a match, but {_joined(doubts)}"
        return decision, reason

    def _decide_by_rate(self, comparison: Comparison) -> tuple[Decision, str]:
        fmr = comparison.fmr
        if fmr is None:
            raise InvalidInput(
                "a policy needs a calibrated pack",
                remedy="calibrate the pack, or use compare() for the bare distance",
            )
        if fmr.at_most and fmr.value > self.max_fmr * (1 + 1e-9):
            raise InvalidInput(
                f"the pack's calibration reaches down to a false match rate of {fmr.value:.2g}, "
                f"not to {self.max_fmr:.2g}",
                remedy="ask for a higher max_fmr, or calibrate the pack on more people",
            )
        accepted, rejected = self.max_fmr, min(self.max_fmr * self.inconclusive, 1.0)
        # As many digits as it takes to see on which side of the limits the rate lies.
        apart = (
            count
            for count in range(2, 8)
            if f"{fmr.value:.{count}g}" not in {f"{v:.{count}g}" for v in (accepted, rejected)}
        )
        digits = next(apart, 2)
        rate = f"the false match rate here is {'at most ' if fmr.at_most else ''}"
        rate += f"{fmr.value:.{digits}g}"
        if fmr.value <= accepted * (1 + 1e-9):
            return Decision.MATCH, f"{rate}; the policy accepts up to {accepted:.2g}"
        if fmr.value <= rejected * (1 + 1e-9):
            return Decision.INCONCLUSIVE, (
                f"{rate}, between {accepted:.2g} (match) and {rejected:.2g} (no match); a person "
                "should look"
            )
        return Decision.NO_MATCH, f"{rate}; the policy rejects above {rejected:.2g}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "max_fmr": self.max_fmr,
            "inconclusive": self.inconclusive,
            "min_document_quality": dict(self.min_document_quality),
            "min_live_quality": dict(self.min_live_quality),
            "allow_several_faces": self.allow_several_faces,
            "allow_same_picture": self.allow_same_picture,
            "min_liveness": self.min_liveness,
        }


def _joined(findings: Sequence[Finding]) -> str:
    return "; ".join(f"{each.side}: {each.message}" for each in findings)


def _require_number(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise InvalidInput(f"{name} must be a number, not {value!r}")


def _quality_demands(minima: Mapping[str, int]) -> dict[str, int]:
    """Return a checked copy of minimum quality components."""
    if not isinstance(minima, Mapping):
        raise InvalidInput(
            f"minimum quality must be a mapping of measures to components, not {minima!r}"
        )
    demands = dict(minima)
    if not demands:  # the usual case, which must not load the measures
        return demands
    from renzheng.faces.quality import MEASURES

    for name, component in demands.items():
        if name not in MEASURES:
            raise InvalidInput(
                f"unknown quality measure {name!r}",
                remedy=f"choose from {', '.join(MEASURES)}",
            )
        whole = isinstance(component, (int, np.integer)) and not isinstance(component, bool)
        if not whole or not 0 <= component <= 100:
            raise InvalidInput(f"{name} must have a whole number from 0 to 100, not {component!r}")
    return demands
