"""Words of a verification's page."""

from __future__ import annotations

from renzheng.apps.reports import pages
from renzheng.faces.quality import MEASURES
from renzheng.types import Capture, Decision, InformationGrade, Role, Severity, Verification
from renzheng.verification import populations

TITLE = "Face verification"
HEADLINE = {
    Decision.MATCH: "Match",
    Decision.NO_MATCH: "No match",
    Decision.INCONCLUSIVE: "Inconclusive",
    Decision.NOT_COMPARABLE: "Not comparable",
}
COLOURS = {
    Decision.MATCH: pages.GREEN,
    Decision.NO_MATCH: pages.RED,
    Decision.INCONCLUSIVE: pages.AMBER,
    Decision.NOT_COMPARABLE: pages.GREY,
}
MISSING = "none"
_ROLES = {
    Role.DOCUMENT: "the document",
    Role.LIVE: "the live picture",
    Role.PHOTO: "a photograph",
}
_EFFECTS = {
    Severity.WARNING: "",
    Severity.DOUBT: " (rules out a match)",
    Severity.REFUSAL: " (rules out a comparison)",
}


def figures(verification: Verification) -> list[tuple[str, str]]:
    """Return label and value of the main figures."""
    comparison = verification.comparison
    if comparison is None:
        numbers = ["not measured"] * 3
    else:
        rate = str(comparison.fmr)
        if comparison.fmr is None:
            little = comparison.information.grade is InformationGrade.INSUFFICIENT
            rate = "not stated" if little else MISSING
        numbers = [f"{comparison.distance:.4f}", f"{comparison.similarity:.4f}", rate]
    labels = ("Distance", "Similarity (cosine)", "False match rate")
    return list(zip(labels, numbers, strict=True))


def information(verification: Verification) -> list[tuple[str, str]]:
    """Return how much of a face the comparison rests on, where a side's strength is known."""
    comparison = verification.comparison
    if comparison is None:
        return []
    found = comparison.information
    if found.reference is None and found.probe is None:
        return []
    words = str(found)
    if found.grade is InformationGrade.INSUFFICIENT:
        words += "; no false match rate holds for so little"
    return [("Information in the faces", words)]


def measured_on(verification: Verification) -> list[tuple[str, str]]:
    """Return on whom the false match rate was measured and whom it leaves out, with their rates."""
    rates = () if verification.comparison is None else verification.comparison.populations
    rows = (
        ("Measured on", populations.measured_on(rates)),
        ("Not covered", populations.not_covered(rates)),
    )
    return [(label, told) for label, told in rows if told]


def policy(verification: Verification) -> str:
    """Return the policy in a sentence."""
    accepted = verification.policy.get("max_fmr")
    if accepted is None:
        return "no policy stated"
    upper = min(accepted * verification.policy.get("inconclusive", 1.0), 1.0)
    text = f"match up to a false match rate of {accepted:.2g}"
    return text if upper <= accepted else f"{text}, inconclusive up to {upper:.2g}"


def sides(verification: Verification) -> list[tuple[str, Capture]]:
    """Return the two sides with their titles."""
    both = (("Reference", verification.reference), ("Probe", verification.probe))
    return [(f"{title}: {_ROLES[capture.role]}", capture) for title, capture in both]


def faces(capture: Capture) -> str:
    """Count the faces and say which one was compared."""
    count = len(capture.faces)
    if capture.image is None:
        return "no picture"
    if capture.face is None:
        return "no face found" if count == 0 else f"{count} faces found, none chosen"
    if count <= 1 or capture.choice is None:
        return f"1 face found, score {capture.face.score:.3f}"
    return (
        f"{count} faces found, the bold one compared, score {capture.face.score:.3f}: "
        f"{capture.choice.reason}"
    )


def preparation(capture: Capture) -> str:
    """Name the corrections made before faces were sought; empty if there were none."""
    return "; ".join(capture.rectification.steps)


def problem(capture: Capture) -> str | None:
    """Say why there is nothing to show or to compare on this side; None if there is."""
    if capture.error:
        said = capture.image is not None and capture.error == faces(capture)
        return None if said else capture.error
    return "the picture could not be read" if capture.image is None else None


def size(capture: Capture) -> str:
    """Return the picture's size in pixels; empty without a picture."""
    if capture.image is None:
        return ""
    return f"{capture.image.shape[1]} by {capture.image.shape[0]} px"


def quality(verification: Verification) -> list[tuple[str, str, str]]:
    """Return a row per measure: title, then native value and component (0 to 100) of each side."""
    both = [capture.quality for _, capture in sides(verification)]
    rows = []
    for name in dict.fromkeys((*both[0], *both[1])):
        known = MEASURES.get(name)
        label = name.replace("_", " ") if known is None else known.title
        unit = "" if known is None else known.unit
        decimals = {"px": 0, "°": 1}.get(unit, 2)
        space = "" if unit in {"", "°"} else " "
        a, b = (
            f"{side[name].value:.{decimals}f}{space}{unit} ({side[name].component})"
            if name in side
            else MISSING
            for side in both
        )
        rows.append((label, a, b))
    return rows


def warnings(verification: Verification) -> list[tuple[str, str]]:
    """Return side and message of each finding, with its effect on the decision."""
    return [(f.side.capitalize(), f.message + _EFFECTS[f.severity]) for f in verification.findings]


def provenance(verification: Verification) -> list[tuple[str, str]]:
    """Return the policy, the networks and the time behind the decision."""
    pack = verification.pack
    rows = [("Policy", policy(verification)), *_demands(verification)]
    if verification.same_photo is not None:
        same = verification.same_photo
        rows.append(
            (
                "Same photograph",
                f"{'yes' if same.same else 'no'}: agreement {same.score:.2f}, one photograph from "
                f"{same.threshold:.2f}",
            )
        )
    if verification.liveness is not None:
        live = verification.liveness
        rows.append(
            (
                "Liveness",
                f"{live.score:.3f}, live from {live.threshold:.2f}; no proof by itself",
            )
        )
    used = [
        ("Embedding", "name", "version", "digest"),
        ("Detector", "detector", "detector_version", "detector_digest"),
    ]
    if "liveness" in pack:
        used.append(("Liveness pack", "liveness", "liveness_version", "liveness_digest"))
    for label, name, version, digest in used:
        rows.append((label, " ".join(pack[k] for k in (name, version) if k in pack) or MISSING))
        if digest in pack:
            rows.append((f"{label} digest", pack[digest]))
    if verification.timings_ms:
        steps = (f"{k.replace('_', ' ')} {v:.1f} ms" for k, v in verification.timings_ms.items())
        rows.append(("Time", ", ".join(steps)))
    return rows


def _demands(verification: Verification) -> list[tuple[str, str]]:
    """Return the policy's demands beside the error rate."""
    rows = []
    for key, title in (
        ("min_document_quality", "Least quality, document"),
        ("min_live_quality", "Least quality, live"),
    ):
        least = verification.policy.get(key) or {}
        if least:
            rows.append((title, ", ".join(f"{k} {v}" for k, v in least.items())))
    if verification.policy.get("min_liveness") is not None:
        rows.append(("Least liveness", f"{verification.policy['min_liveness']:.2f}"))
    allowed = [
        words
        for key, words in (
            ("allow_several_faces", "several faces"),
            ("allow_same_picture", "the document's own portrait as the live picture"),
        )
        if verification.policy.get(key)
    ]
    if allowed:
        rows.append(("Allowed", ", ".join(allowed)))
    return rows


def plot_caption(
    distance: float, match: float | None, no_match: float | None, *, limited: bool = False
) -> str:
    """Describe the plot, also for those who cannot see it.

    Parameters
    ----------
    distance
        The measured distance.
    match, no_match
        The thresholds of the policy, as in `Distributions`.
    limited
        Whether the curve of different people is that of faces which show little.
    """
    parts = ["Distances of pictures of the same person, and of different people"]
    if limited:
        parts[0] += " whose faces show as little as these"
    if match is not None:
        parts.append(f"match up to {match:.3f}")
    if no_match is not None and no_match != match:
        parts.append(f"no match above {no_match:.3f}")
    return "; ".join((*parts, f"measured here: {distance:.3f}")) + "."
