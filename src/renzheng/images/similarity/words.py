"""Similarity in words, for the command, the page and the picture."""

from __future__ import annotations

from dataclasses import dataclass

from renzheng.images.similarity.decision import Likeness, PictureSimilarity
from renzheng.images.similarity.hashes import BITS, CANDIDATE_BITS, SAME_BITS
from renzheng.images.similarity.regions import (
    DENSE_INLIERS,
    MIN_DENSITY,
    MIN_INLIERS,
    MIN_SHARE,
)

HEADLINE = {
    Likeness.SAME_PICTURE: "Same picture",
    Likeness.NEAR_DUPLICATE: "Near-duplicate",
    Likeness.LOOK_ALIKE: "Look-alike",
    Likeness.DIFFERENT: "Different",
    Likeness.NOT_COMPARABLE: "Not comparable",
}


@dataclass(frozen=True)
class Sense:
    """One of the senses in which two pictures may be alike.

    Attributes
    ----------
    name, title
        Its name for programs, and for people.
    number
        The measurement.
    decision
        The meaning of the number.
    notes
        Rules and further numbers.
    """

    name: str
    title: str
    number: str
    decision: str
    notes: tuple[str, ...] = ()


def senses(result: PictureSimilarity) -> list[Sense]:
    """Describe the senses that were measured, from narrow to wide."""
    found = []
    if result.hashes is not None:
        hashes = result.hashes
        if hashes.same_picture:
            agreed = hashes.distance > SAME_BITS
            decision = f"the same picture{', since the regions agree' if agreed else ''}"
        elif hashes.confirmed is False and hashes.distance <= CANDIDATE_BITS:
            decision = "close, but a part is changed"
        elif hashes.distance <= CANDIDATE_BITS:
            decision = "close, but the regions do not agree enough"
        else:
            decision = "not the same picture"
        found.append(
            Sense(
                "hashes",
                "The same picture?",
                f"{hashes.distance} of {BITS} bits differ",
                decision,
                (f"same up to {SAME_BITS}, or {CANDIDATE_BITS} if 90% of the common part agrees",),
            )
        )
    if result.regions is not None:
        regions = result.regions
        mirrored = ", one being mirrored" if regions.mirrored and regions.near_duplicate else ""
        changed: tuple[str, ...] = ()
        if result.changes is not None:
            changed = (f"{result.changes.agreement:.0%} of the common part agrees",)
        found.append(
            Sense(
                "regions",
                "A near-duplicate?",
                f"{regions.inliers} features agree, {regions.share:.0%} of the common part",
                f"a part of one is in the other{mirrored}"
                if regions.near_duplicate
                else "no part of one is found in the other",
                (
                    f"near-duplicate from {MIN_INLIERS} and {MIN_SHARE:.0%} on, or from "
                    f"{DENSE_INLIERS} and {MIN_DENSITY:.0%} of those between them, "
                    f"here {regions.density:.0%}",
                    *changed,
                ),
            )
        )
    if result.features is not None:
        features = result.features
        if features.threshold is None:
            decision = "no threshold is measured for this pack"
        else:
            likeness = "look-alikes" if features.look_alike else "not look-alikes"
            measured_on = features.pack["measured_on"]
            origin = f", measured on {measured_on}" if measured_on else ""
            decision = f"{likeness} (up to {features.threshold:.3f}{origin})"
        pack = features.pack
        found.append(
            Sense(
                "features",
                "Look-alikes?",
                f"{features.distance:.4f} apart (Euclidean, 0 to 2)",
                decision,
                (
                    f"by {pack['dimension']} features of {pack['network']}",
                    f"pack {pack['name']} {pack['version']} ({pack['digest'][:12]})",
                ),
            )
        )
    return found
