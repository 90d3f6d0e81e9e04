"""What a report says, in words: the page and the picture take it from here."""

from __future__ import annotations

from renzheng.faces.quality import MEASURES
from renzheng.types import Capture, Decision, Role, Severity, Verification
from renzheng.verification import populations

TITLE = "Face verification"
PRIVACY = (
    "This report contains pictures of people. They are personal data, and faces used to "
    "identify someone are biometric data: keep it only as long as needed, share it with nobody "
    "who need not see it, then delete it."
)
HEADLINE = {
    Decision.MATCH: "Match",
    Decision.NO_MATCH: "No match",
    Decision.INCONCLUSIVE: "Inconclusive",
    Decision.NOT_COMPARABLE: "Not comparable",
}
# On light and on dark paper: each at least 4.5:1 against it.
COLOURS = {
    Decision.MATCH: ("#12704a", "#5fd39b"),
    Decision.NO_MATCH: ("#b0271f", "#ff8a80"),
    Decision.INCONCLUSIVE: ("#8a5a00", "#f2c14e"),
    Decision.NOT_COMPARABLE: ("#4b5865", "#b3c0cc"),
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


def plain(text: str) -> str:
    """Text that neither breaks an encoding nor reorders its surroundings.

    File names may hold control characters, lone surrogates and marks of writing direction.
    """
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def reason(verification: Verification) -> str:
    """The decision's reason as a sentence."""
    text = plain(verification.reason).strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def figures(verification: Verification) -> list[tuple[str, str]]:
    """Label and value of the main figures."""
    comparison = verification.comparison
    if comparison is None:
        numbers = ["not measured"] * 3
    else:
        rate = MISSING if comparison.fmr is None else str(comparison.fmr)
        numbers = [f"{comparison.distance:.4f}", f"{comparison.similarity:.4f}", rate]
    labels = ("Distance", "Similarity (cosine)", "False match rate")
    return list(zip(labels, numbers, strict=True))


def measured_on(verification: Verification) -> list[tuple[str, str]]:
    """On whom the false match rate was measured, and whom it leaves out, with their rates."""
    rates = () if verification.comparison is None else verification.comparison.populations
    rows = (
        ("Measured on", populations.measured_on(rates)),
        ("Not covered", populations.not_covered(rates)),
    )
    return [(label, plain(told)) for label, told in rows if told]


def policy(verification: Verification) -> str:
    """The policy in a sentence."""
    accepted = verification.policy.get("max_fmr")
    if accepted is None:
        return "no policy stated"
    upper = min(accepted * verification.policy.get("inconclusive", 1.0), 1.0)
    text = f"match up to a false match rate of {accepted:.2g}"
    return text if upper <= accepted else f"{text}, inconclusive up to {upper:.2g}"


def sides(verification: Verification) -> list[tuple[str, Capture]]:
    """The two sides under their titles."""
    both = (("Reference", verification.reference), ("Probe", verification.probe))
    return [(f"{title}: {_ROLES[capture.role]}", capture) for title, capture in both]


def faces(capture: Capture) -> str:
    """How many faces there are, and which one counted."""
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
    """What was done to the picture before its faces were found; empty where nothing was."""
    return "; ".join(capture.rectification.steps)


def problem(capture: Capture) -> str | None:
    """Why there is nothing to show or to compare on this side."""
    if capture.error:
        error = plain(capture.error)
        return None if capture.image is not None and error == faces(capture) else error
    return "the picture could not be read" if capture.image is None else None


def size(capture: Capture) -> str:
    """The picture's pixels; empty without a picture."""
    if capture.image is None:
        return ""
    return f"{capture.image.shape[1]} by {capture.image.shape[0]} px"


def quality(verification: Verification) -> list[tuple[str, str, str]]:
    """Measure, reference and probe, row by row: native value and component, 0 to 100."""
    both = [capture.quality for _, capture in sides(verification)]
    rows = []
    for name in dict.fromkeys((*both[0], *both[1])):
        known = MEASURES.get(name)
        label = plain(name).replace("_", " ") if known is None else known.title
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
    """Side and message of each finding, and what follows from it."""
    return [
        (plain(f.side).capitalize(), plain(f.message) + _EFFECTS[f.severity])
        for f in verification.findings
    ]


def provenance(verification: Verification) -> list[tuple[str, str]]:
    """Which networks said so, under which policy, and how long it took."""
    pack = {key: plain(value) for key, value in verification.pack.items()}
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
        steps = (
            f"{plain(k).replace('_', ' ')} {v:.1f} ms" for k, v in verification.timings_ms.items()
        )
        rows.append(("Time", ", ".join(steps)))
    return rows


def _demands(verification: Verification) -> list[tuple[str, str]]:
    """What the policy demands beside the error rate."""
    rows = []
    for key, title in (
        ("min_document_quality", "Least quality, document"),
        ("min_live_quality", "Least quality, live"),
    ):
        least = verification.policy.get(key) or {}
        if least:
            rows.append((title, ", ".join(f"{plain(k)} {v}" for k, v in least.items())))
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


def plot_caption(distance: float, match: float | None, no_match: float | None) -> str:
    """What the plot shows, for those who do not see it too."""
    parts = ["Distances of pictures of the same person, and of different people"]
    if match is not None:
        parts.append(f"match up to {match:.3f}")
    if no_match is not None and no_match != match:
        parts.append(f"no match above {no_match:.3f}")
    return "; ".join((*parts, f"measured here: {distance:.3f}")) + "."
