"""The two steps of a run, as functions without state: picture to template, two templates to answer.

Every engine calls them: given the same bytes, from whatever file system, all answers are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from renzheng.errors import UnreadableImage
from renzheng.types import Decision, Outcome, Role, Severity
from renzheng.verification.acquisition import error_message
from renzheng.verification.templates import FaceTemplate, unread
from renzheng.verification.verifier import Verifier

Cell = str | float | bool | None

_FIGURES = ("distance", "similarity", "fmr", "fmr_at_most", "llr", "information")
_COLUMNS = (
    *("decision", "reason", *_FIGURES),
    *("same_picture", "liveness", "reference_error", "probe_error", "warnings"),
)
TYPES: dict[str, type] = {
    "distance": float,
    "similarity": float,
    "fmr": float,
    "fmr_at_most": bool,
    "llr": float,
    "same_picture": bool,
    "liveness": float,
}  # the others are text


@dataclass(frozen=True)
class Answer:
    """The result of one pair.

    Attributes
    ----------
    cells
        The values by column, in the order of `columns`; None is an empty cell.
    failures
        Why there was no comparison, as ``side.code``; empty where there was one.
    """

    cells: dict[str, Cell]
    failures: tuple[str, ...]


def columns(*, liveness: bool) -> tuple[str, ...]:
    """Return the names of the columns of results; liveness is one only if asked for."""
    return tuple(name for name in _COLUMNS if liveness or name != "liveness")


def extract(verifier: Verifier, content: bytes, name: str, role: Role | str) -> FaceTemplate:
    """Return all that comparisons need of a picture. A bad picture raises no exception.

    Parameters
    ----------
    verifier
        The verifier; `VerifierConfig.verifier` makes the same one in every process. The picture
        is in one of its roles.
    content
        The bytes of the picture's file.
    name
        The name of the picture.
    role
        The role of the picture.
    """
    return verifier.extract(content, role, name=name)


def unreadable(error: UnreadableImage, name: str, role: Role | str) -> FaceTemplate:
    """Return the template that stands for a picture whose bytes could not be read."""
    return unread(name, Role(role), error_message(error))


def compare(verifier: Verifier, reference: FaceTemplate, probe: FaceTemplate) -> Answer:
    """Return the answer for a pair.

    Parameters
    ----------
    verifier
        The verifier that made both templates, or one of the same configuration.
    reference, probe
        The templates, in the verifier's roles.

    Raises
    ------
    InvalidInput
        As `Verifier.compare_templates` does.
    """
    outcome = verifier.compare_templates(reference, probe)
    found: dict[str, Cell] = {
        "decision": str(outcome.decision),
        "reason": outcome.reason,
        **_figures(outcome),
        "same_picture": None if outcome.same_photo is None else outcome.same_photo.same,
        "liveness": None if outcome.liveness is None else round(outcome.liveness.score, 6),
        "reference_error": reference.error,
        "probe_error": probe.error,
        "warnings": ";".join(f"{each.side}.{each.code}" for each in outcome.findings) or None,
    }
    failures: tuple[str, ...] = ()
    if outcome.decision is Decision.NOT_COMPARABLE:
        failures = tuple(
            f"{each.side}.{each.code}"
            for each in outcome.findings
            if each.severity is Severity.REFUSAL
        )
    names = columns(liveness=verifier.liveness is not None)
    return Answer({name: found[name] for name in names}, failures)


def _figures(outcome: Outcome) -> dict[str, Cell]:
    if outcome.comparison is None:
        return dict.fromkeys(_FIGURES)
    figures = outcome.comparison.to_dict()
    rate = outcome.comparison.fmr
    return {
        "distance": figures["distance"],
        "similarity": figures["similarity"],
        "fmr": None if rate is None else rate.value,
        "fmr_at_most": None if rate is None else rate.at_most,
        "llr": figures["llr"],
        "information": str(outcome.comparison.information.grade),
    }
