"""Types for the results of a comparison, from the distance to the decision with its grounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from renzheng._renamed import RenamedAttribute
from renzheng.types.faces import Capture


class Decision(StrEnum):
    """The decision of a policy on one comparison."""

    MATCH = "match"
    NO_MATCH = "no_match"
    INCONCLUSIVE = "inconclusive"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True)
class FalseMatchRate:
    """The share of impostor comparisons at this distance or nearer.

    Attributes
    ----------
    value
        0 to 1, read off the pack's calibration.
    at_most
        Whether the calibration data ends here: the true rate is then `value` or lower, by an amount
        that was not measured.
    """

    value: float
    at_most: bool

    def to_dict(self) -> dict[str, float | bool]:
        """Return plain values for JSON."""
        return {"value": self.value, "at_most": self.at_most}

    def __str__(self) -> str:
        return f"{'at most ' if self.at_most else ''}{self.value:.2g}"


@dataclass(frozen=True)
class PopulationRate:
    """The false match rate at a distance among the people of one population.

    Attributes
    ----------
    population
        The name of the population.
    covered
        Whether the promised rate holds for it.
    value
        0 to 1, read off its own curve.
    extrapolated
        Whether the value lies below `resolution`, where its curve was extrapolated, not measured.
    resolution
        The rate at which 30 different pairs of its people matched falsely.
    at_most
        Whether the true rate is `value` or lower, by an amount that was not measured.
    """

    population: str
    covered: bool
    value: float
    extrapolated: bool
    resolution: float
    at_most: bool = False

    def __str__(self) -> str:
        bound = f" (extrapolated below {self.resolution:.2g})" if self.extrapolated else ""
        return f"{'at most ' if self.at_most else ''}{self.value:.2g}{bound}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "population": self.population,
            "covered": self.covered,
            "value": self.value,
            "at_most": self.at_most,
            "extrapolated": self.extrapolated,
            "resolution": self.resolution,
        }


class InformationGrade(StrEnum):
    """How much of a face a comparison rests on."""

    FULL = "full"  # the calibration's rates hold
    LIMITED = "limited"  # both sides have lost some: other rates, measured on such faces
    INSUFFICIENT = "insufficient"  # both have lost too much: no rate is stated
    UNKNOWN = "unknown"  # a side or the calibration has no strength


@dataclass(frozen=True)
class Information:
    """The strengths of the two sides of a comparison.

    Attributes
    ----------
    grade
        How much of a face the comparison rests on: that of its stronger side.
    reference, probe
        The strength of each side, in the unit of the embedding network; None where it is unknown.
    wanted
        The strength that one side at least must have for the calibration's rates to hold; None
        where the calibration knows no strengths.
    """

    grade: InformationGrade
    reference: float | None = None
    probe: float | None = None
    wanted: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""

        def rounded(strength: float | None) -> float | None:
            return None if strength is None else round(strength, 4)

        return {
            "grade": str(self.grade),
            "reference": rounded(self.reference),
            "probe": rounded(self.probe),
            "wanted": rounded(self.wanted),
        }

    def __str__(self) -> str:
        sides = (self.reference, self.probe)
        if sides == (None, None):
            return str(self.grade)
        strengths = " and ".join("unknown" if each is None else f"{each:.3g}" for each in sides)
        needed = "" if self.wanted is None else f", {self.wanted:.3g} wanted on one side at least"
        return f"{self.grade} (strength {strengths}{needed})"


_UNKNOWN = Information(InformationGrade.UNKNOWN)


@dataclass(frozen=True)
class Comparison:
    """The distance between one reference and one probe embedding, with its error rates.

    Attributes
    ----------
    distance
        Euclidean distance between unit embeddings, 0 to 2.
    similarity
        Their cosine similarity, -1 to 1; equals ``1 - distance**2 / 2``.
    fmr
        The calibrated false match rate at this distance for faces of this strength; None without
        a calibration, and where both sides show too little of a face for any rate to hold.
    llr
        The calibrated log-likelihood ratio at this distance, natural logarithm: above 0 the
        evidence is for one person. None where `fmr` is, and without a calibration that has the
        ratio.
    populations
        The rate at this distance in each population of the calibration; `fmr` is the worst of the
        covered ones. Empty where the calibration names no population, and where the two sides show
        less of a face than those populations' pictures.
    information
        The strengths of the two sides.
    """

    distance: float
    similarity: float
    fmr: FalseMatchRate | None
    llr: float | None = None
    populations: tuple[PopulationRate, ...] = ()
    information: Information = _UNKNOWN

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers for JSON."""
        return {
            "distance": round(self.distance, 6),
            "similarity": round(self.similarity, 6),
            "fmr": None if self.fmr is None else self.fmr.to_dict(),
            "llr": None if self.llr is None else round(self.llr, 4),
            "fmr_by_population": [each.to_dict() for each in self.populations],
            "information": self.information.to_dict(),
        }


class Severity(StrEnum):
    """The effect of a finding on the decision."""

    WARNING = "warning"  # no effect, but a person should know
    DOUBT = "doubt"  # a match becomes inconclusive
    REFUSAL = "refusal"  # there is no comparison


@dataclass(frozen=True)
class Finding:
    """A reason not to trust a comparison.

    Attributes
    ----------
    code
        A stable word for programs, e.g. ``several_faces``.
    side
        ``reference`` or ``probe``.
    message
        The fault and the remedy in words, for a person.
    severity
        The effect on the decision.
    """

    code: str
    side: str
    message: str
    severity: Severity = Severity.WARNING

    effect = RenamedAttribute("severity")

    def to_dict(self) -> dict[str, str]:
        """Return plain words for JSON."""
        return {
            "code": self.code,
            "side": self.side,
            "message": self.message,
            "effect": str(self.severity),
        }


@dataclass(frozen=True)
class SamePhoto:
    """The evidence that two pictures are one photograph.

    Attributes
    ----------
    score
        The correlation of detail after registration, 0 to 1. Equal pictures have about 0.95, since
        weak detail counts as noise; other versions of one photograph mostly 0.85 or more, different
        photographs of one person mostly 0.2 to 0.5; 0 where there is too little detail.
    mirrored
        Whether one is rather the mirror image of the other.
    threshold
        The lowest score at which the two count as one photograph.
    """

    score: float
    mirrored: bool
    threshold: float

    @property
    def same(self) -> bool:
        """Whether the two pictures are one photograph."""
        return self.score >= self.threshold

    def to_dict(self) -> dict[str, float | bool]:
        """Return plain values for JSON."""
        return {
            "same": self.same,
            "score": round(self.score, 4),
            "mirrored": self.mirrored,
            "threshold": self.threshold,
        }


@dataclass(frozen=True)
class LivenessScore:
    """The liveness of one face.

    Attributes
    ----------
    score
        The probability of the class ``live``, 0 to 1: the mean over the networks.
    threshold
        The lowest score at which a face counts as live: the pack's.
    networks
        The probability of ``live`` by each network.
    classes
        The probability of each class, the mean over the networks; they sum to 1.
    """

    score: float
    threshold: float
    networks: Mapping[str, float]
    classes: Mapping[str, float]

    @property
    def live(self) -> bool:
        """Whether the face counts as live (bona fide, ISO/IEC 30107-3)."""
        return self.score >= self.threshold

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "live": self.live,
            "score": round(self.score, 6),
            "threshold": self.threshold,
            "networks": {name: round(value, 6) for name, value in self.networks.items()},
            "classes": {name: round(value, 6) for name, value in self.classes.items()},
        }


@dataclass(frozen=True)
class Outcome:
    """The outcome of one comparison, without the pictures.

    Attributes
    ----------
    decision
        The policy's decision.
    reason
        The decision in a sentence.
    comparison
        Distance, similarity and false match rate; None where not comparable.
    same_photo
        Whether both sides are one photograph; None unless the probe is a live picture.
    liveness
        The liveness of the probe's face; None where it was not asked for.
    findings
        Reasons not to trust the comparison.
    """

    decision: Decision
    reason: str
    comparison: Comparison | None
    same_photo: SamePhoto | None = None
    liveness: LivenessScore | None = None
    findings: tuple[Finding, ...] = ()

    same_picture = RenamedAttribute("same_photo")


@dataclass(frozen=True, eq=False)
class Verification:
    """The result of one verification: the outcome, the two sides and the settings.

    Attributes
    ----------
    outcome
        The decision and its grounds; its attributes can be read from here as well.
    policy
        The policy, as ``Policy.to_dict`` gives it.
    pack
        ``name``, ``version`` and ``digest`` of the embedding pack, of the detection pack and, where
        it was used, of the liveness pack; the backend with its version, and the ``provider`` that
        really computed the embeddings, as the backend names it.
    reference, probe
        The two sides.
    timings_ms
        Wall time of each step in milliseconds.
    """

    outcome: Outcome
    policy: Mapping[str, Any]
    pack: Mapping[str, str]
    reference: Capture
    probe: Capture
    timings_ms: Mapping[str, float] = field(default_factory=dict)

    same_picture = RenamedAttribute("same_photo")

    @property
    def decision(self) -> Decision:
        """The policy's decision."""
        return self.outcome.decision

    @property
    def reason(self) -> str:
        """The decision in a sentence."""
        return self.outcome.reason

    @property
    def comparison(self) -> Comparison | None:
        """Distance, similarity and false match rate; None where not comparable."""
        return self.outcome.comparison

    @property
    def same_photo(self) -> SamePhoto | None:
        """Whether both sides are one photograph; None unless the probe is a live picture."""
        return self.outcome.same_photo

    @property
    def liveness(self) -> LivenessScore | None:
        """The liveness of the probe's face; None where it was not asked for."""
        return self.outcome.liveness

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Reasons not to trust the comparison."""
        return self.outcome.findings

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result as plain values for JSON; field names are stable."""
        blank: dict[str, Any] = dict.fromkeys(("distance", "similarity", "fmr", "llr"))
        blank.update(fmr_by_population=[], information=None)
        return {
            "decision": str(self.decision),
            "reason": self.reason,
            **(blank if self.comparison is None else self.comparison.to_dict()),
            "policy": dict(self.policy),
            "pack": dict(self.pack),
            "reference": self.reference.to_dict(),
            "probe": self.probe.to_dict(),
            "same_picture": None if self.same_photo is None else self.same_photo.to_dict(),
            "liveness": None if self.liveness is None else self.liveness.to_dict(),
            "warnings": [finding.to_dict() for finding in self.findings],
            "timings_ms": {name: round(value, 2) for name, value in self.timings_ms.items()},
        }
