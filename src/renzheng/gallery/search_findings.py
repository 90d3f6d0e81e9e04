"""Findings of a search: where the strengths of probe and entry limit what its rates promise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from renzheng.gallery.entries import Candidate, SearchDecision
from renzheng.gallery.search_policy import deciding
from renzheng.types import Finding, Information, InformationGrade, Severity


def of_candidates(candidates: Sequence[Candidate], decision: SearchDecision) -> Iterator[Finding]:
    """Yield the findings about the nearest entry, and about the one that the decision rests on.

    Parameters
    ----------
    candidates
        The entries found, nearest first.
    decision
        The decision of the search. An entry without a rate is a doubt, unless the identification
        rests on another one of the same person.
    """
    if not candidates:
        return
    nearest = candidates[0]
    grade = nearest.information.grade
    if grade is InformationGrade.INSUFFICIENT:
        identified = decision is SearchDecision.IDENTIFIED
        yield Finding(
            "little_information",
            "probe",
            "both the probe and the nearest entry show too little of a face to compare "
            f"({_figures(nearest.information)}): take a picture in which the face is sharp, large, "
            "upright and uncovered",
            Severity.WARNING if identified else Severity.DOUBT,
        )
    elif grade is InformationGrade.LIMITED:
        yield Finding(
            "limited_information",
            "probe",
            "both the probe and the nearest entry show little of a face "
            f"({_figures(nearest.information)}), so that only a nearer one is identified: a "
            "sharper, uncovered picture would decide better",
        )
    yield from _of_unknown_strength((deciding(candidates) or nearest).information)


def _of_unknown_strength(information: Information) -> Iterator[Finding]:
    entry, probe, wanted = information.reference, information.probe, information.wanted
    if wanted is None or information.grade is not InformationGrade.UNKNOWN:
        return
    # The rate rests on the stronger side: where one is strong, the other need not be known.
    if any(side is not None and side >= wanted for side in (entry, probe)):
        return
    for side, strength, words in (
        ("reference", entry, "the entry found does not say how much of a face it holds"),
        ("probe", probe, "how much of a face the probe's embedding holds is not known"),
    ):
        if strength is None:
            remedy = "enrol its picture again" if side == "reference" else "give its strength"
            yield Finding(
                "unknown_strength",
                side,
                f"{words}, so the rates are those of good pictures: {remedy}",
            )


def _figures(information: Information) -> str:
    probe, entry, wanted = information.probe, information.reference, information.wanted
    return f"strength {probe:.3g} and {entry:.3g}, {wanted:.3g} wanted on one side at least"
