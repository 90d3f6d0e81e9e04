"""One decision about two pictures from three senses of similarity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from os import PathLike
from typing import Any

import numpy as np

from renzheng import images
from renzheng._support.timing import Clock
from renzheng.images.similarity.changes import Changes, changes
from renzheng.images.similarity.features import DEFAULT_FEATURES, Features
from renzheng.images.similarity.hashes import (
    BITS,
    CANDIDATE_BITS,
    SAME_BITS,
    fingerprint,
    hash_distance,
)
from renzheng.images.similarity.regions import RegionMatch, local_features, match_regions
from renzheng.models.packs import Pack
from renzheng.types import Image

# Crops, mirror images and other encodings agree in at least 98 %; cards of one layout in at most
# 84 %.
_UNCHANGED = 0.9


class Likeness(StrEnum):
    """The likeness of two pictures, from the narrowest sense to none."""

    SAME_PICTURE = "same_picture"
    NEAR_DUPLICATE = "near_duplicate"
    LOOK_ALIKE = "look_alike"
    DIFFERENT = "different"
    NOT_COMPARABLE = "not_comparable"  # one of them is plain


@dataclass(frozen=True)
class HashMatch:
    """The comparison of two pictures' perceptual hashes.

    Attributes
    ----------
    distance
        Number of bits that differ, out of 256.
    confirmed
        The verdict of the regions: True for a near-duplicate of which at least 90 % agrees, False
        for one of which less agrees, None if it is no near-duplicate. The hashes of two cards of
        one layout may differ in only 48 bits, and such cards agree in at most 84 %.
    same_picture
        The decision: at most 48 bits unless the regions contradict, or at most 82 and confirmed.
    """

    distance: int
    confirmed: bool | None

    @property
    def same_picture(self) -> bool:
        """True for the same picture, perhaps encoded again, resized, framed or slightly cropped."""
        if self.confirmed is None:
            return self.distance <= SAME_BITS
        return self.confirmed and self.distance <= CANDIDATE_BITS

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "same_picture": self.same_picture,
            "distance": self.distance,
            "bits": BITS,
            "same_up_to": SAME_BITS,
            "same_if_confirmed_up_to": CANDIDATE_BITS,
            "confirmed": self.confirmed,
        }


@dataclass(frozen=True, eq=False)
class FeatureDistance:
    """The comparison of two pictures' network features.

    Attributes
    ----------
    distance
        Euclidean distance between features of unit length, 0 to 2.
    threshold
        The threshold of the pack; None if none was measured.
    pack
        The pack of the features: name, version, digest, dimension and network.
    """

    distance: float
    threshold: float | None
    pack: Mapping[str, Any]

    @property
    def look_alike(self) -> bool | None:
        """The decision; None if no threshold was measured for the pack."""
        return None if self.threshold is None else self.distance <= self.threshold

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "look_alike": self.look_alike,
            "distance": round(self.distance, 6),
            "threshold": self.threshold,
            "pack": dict(self.pack),
        }


@dataclass(frozen=True, eq=False)
class PictureSimilarity:
    """The similarity of two pictures.

    Attributes
    ----------
    likeness
        The narrowest sense in which they are alike.
    reason
        The reason for people.
    hashes, regions, features
        The three senses. All are None if one of the pictures is plain, and the last is None if it
        was not asked for.
    changes
        The differences between the two; None unless they are near-duplicates.
    sources
        The names of the two pictures.
    images
        The two pictures, uint8 (H, W, 3) RGB; not part of `to_dict`.
    timings_ms
        Milliseconds by step.
    """

    likeness: Likeness
    reason: str
    hashes: HashMatch | None
    regions: RegionMatch | None
    changes: Changes | None
    features: FeatureDistance | None
    sources: tuple[str, str]
    images: tuple[Image, Image] = field(repr=False)
    timings_ms: Mapping[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        parts = {
            "hashes": self.hashes,
            "regions": self.regions,
            "changes": self.changes,
            "features": self.features,
        }
        sides = zip(self.sources, self.images, strict=True)
        return {
            "likeness": str(self.likeness),
            "reason": self.reason,
            **{name: None if part is None else part.to_dict() for name, part in parts.items()},
            "pictures": [
                {"source": name, "width": image.shape[1], "height": image.shape[0]}
                for name, image in sides
            ],
            "timings_ms": {step: round(ms, 2) for step, ms in self.timings_ms.items()},
        }


def similarity(
    a: Any,
    b: Any,
    *,
    features: str | PathLike[str] | Pack | Features | None = DEFAULT_FEATURES,
) -> PictureSimilarity:
    """Compare two pictures as pictures, whatever they show.

    Parameters
    ----------
    a, b
        Anything that `renzheng.images.read` takes. Exchanging them changes no number.
    features
        The pack of features for look-alikes: a name, a folder, a `Pack`, or a loaded `Features`
        that many comparisons share; None skips this sense. The default pack is of a face
        network.

    Raises
    ------
    UnreadableImage
        If a picture cannot be read.
    PackError
        If the pack is missing, damaged or of another kind.
    RenzhengError
        If ImageHash is not installed (``pip install 'renzheng[similarity]'``).

    See Also
    --------
    renzheng.images.similarity : the three senses one by one.
    renzheng.verification.same_photo : whether a live picture shows the photo of a document.

    Examples
    --------
    >>> import renzheng
    >>> result = renzheng.similarity("a.jpg", "b.jpg")  # doctest: +SKIP
    >>> result.likeness, result.hashes.distance, result.regions.region_a  # doctest: +SKIP
    """
    clock = Clock()
    timings = clock.milliseconds
    with clock("read"):
        pair = images.read(a), images.read(b)
        sources = images.describe(a), images.describe(b)
    with clock("hashes"):
        prints = fingerprint(pair[0]), fingerprint(pair[1])
    plain = [name for name, one in zip(sources, prints, strict=True) if not one.informative]
    if plain:
        reason = f"nothing in it to compare, it is plain: {' and '.join(dict.fromkeys(plain))}"
        return PictureSimilarity(
            Likeness.NOT_COMPARABLE, reason, None, None, None, None, sources, pair, timings
        )
    with clock("regions"):
        regions = match_regions(local_features(pair[0]), local_features(pair[1]))
    changed = None
    if regions.near_duplicate and regions.matrix is not None:
        with clock("changes"):
            changed = changes(*pair, regions.matrix)
    confirmed = None if changed is None else changed.agreement >= _UNCHANGED
    hashes = HashMatch(hash_distance(*prints), confirmed)
    found = None
    if features is not None:
        with clock("features"):
            network = features if isinstance(features, Features) else Features(features)
            one, other = network.describe(pair).astype(np.float64)
            distance = float(np.linalg.norm(one - other))
            found = FeatureDistance(distance, network.threshold, network.to_dict())
    likeness, reason = _decide(hashes, regions, changed, found)
    return PictureSimilarity(
        likeness, reason, hashes, regions, changed, found, sources, pair, timings
    )


def _decide(
    hashes: HashMatch,
    regions: RegionMatch,
    changed: Changes | None,
    features: FeatureDistance | None,
) -> tuple[Likeness, str]:
    agree = f"{regions.inliers} local features agree in place and appearance"
    addition = ", mirrored" if regions.mirrored and regions.near_duplicate else ""
    if changed is not None and changed.agreement < _UNCHANGED:
        addition += f"; {1 - changed.agreement:.0%} of the common part is changed"
    if hashes.same_picture:
        reason = f"the hashes differ in {hashes.distance} of {BITS} bits"
        if hashes.distance > SAME_BITS:
            reason += f", and {agree}"
        return Likeness.SAME_PICTURE, f"{reason}{addition}"
    if regions.near_duplicate:
        return Likeness.NEAR_DUPLICATE, f"a part of one is in the other: {agree}{addition}"
    if features is not None and features.look_alike:
        return Likeness.LOOK_ALIKE, (
            f"different pictures, but their features are {features.distance:.3f} apart, within "
            f"{features.threshold:.3f}"
        )
    undecided = ""
    if features is not None and features.threshold is None:
        undecided = "; look-alikes are undecided: no threshold is measured for this pack"
    return Likeness.DIFFERENT, f"neither hashes nor local features agree{undecided}"
