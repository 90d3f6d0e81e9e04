"""Two pictures, three senses of alike, one decision."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from os import PathLike
from typing import Any

import numpy as np

from renzheng import images
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

# Crops, mirrors and other codings agree in 98 % and more, cards of one layout in 84 % at most.
_UNCHANGED = 0.9


class Likeness(StrEnum):
    """What two pictures are to each other, from the narrowest sense to none."""

    SAME_PICTURE = "same_picture"
    NEAR_DUPLICATE = "near_duplicate"
    LOOK_ALIKE = "look_alike"
    DIFFERENT = "different"
    NOT_COMPARABLE = "not_comparable"  # there is nothing in one of them


@dataclass(frozen=True)
class HashMatch:
    """How near two pictures' perceptual hashes come.

    Attributes
    ----------
    distance
        Bits that differ, of 256.
    confirmed
        What the regions say: True for a near-duplicate of which at least 90 % agrees, False for one
        of which less does, None where there is none. The hashes of two cards of one layout come as
        near as 48 bits, and the cards agree in 84 % at most.
    same_picture
        The decision: at most 48 bits unless the regions contradict, or at most 82 and confirmed.
    """

    distance: int
    confirmed: bool | None

    @property
    def same_picture(self) -> bool:
        """Whether it is the same picture, perhaps coded again, resized, framed or cropped a bit."""
        if self.confirmed is None:
            return self.distance <= SAME_BITS
        return self.confirmed and self.distance <= CANDIDATE_BITS

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
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
    """How near two pictures' features come.

    Attributes
    ----------
    distance
        Euclidean, between features of unit length: 0 to 2.
    threshold
        The pack's; None where none was measured.
    pack
        Which features: name, version, digest, dimension and network.
    """

    distance: float
    threshold: float | None
    pack: Mapping[str, Any]

    @property
    def look_alike(self) -> bool | None:
        """The decision; None where no threshold is measured for the pack."""
        return None if self.threshold is None else self.distance <= self.threshold

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "look_alike": self.look_alike,
            "distance": round(self.distance, 6),
            "threshold": self.threshold,
            "pack": dict(self.pack),
        }


@dataclass(frozen=True, eq=False)
class PictureSimilarity:
    """How alike two pictures are.

    Attributes
    ----------
    likeness
        The narrowest sense in which they are alike.
    reason
        In words.
    hashes, regions, features
        The three senses; None for all where a picture has nothing in it, and for the last where
        it was not asked.
    changes
        Where the two differ; None unless they are near-duplicates.
    sources
        What the two are called.
    images
        The two pictures, uint8 (H, W, 3) RGB; not part of `to_dict`.
    timings_ms
        By step.
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
        """Plain values for JSON."""
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
    """How alike are two pictures, as pictures?

    Parameters
    ----------
    a, b
        Anything that `renzheng.images.read` takes. Exchanging them changes no number.
    features
        The pack of features for look-alikes: a name, a folder, a `Pack`, or a loaded `Features`,
        which many comparisons share; None does not ask. The default is a face network's.

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
    renzheng.verification.same_photo : whether a live picture is the photograph of a document.

    Examples
    --------
    >>> import renzheng
    >>> result = renzheng.similarity("a.jpg", "b.jpg")  # doctest: +SKIP
    >>> result.likeness, result.hashes.distance, result.regions.region_a  # doctest: +SKIP
    """
    start = time.perf_counter()
    timings: dict[str, float] = {}

    def done(step: str) -> None:
        nonlocal start
        now = time.perf_counter()
        timings[step] = 1000 * (now - start)
        start = now

    pair = images.read(a), images.read(b)
    sources = images.describe(a), images.describe(b)
    done("read")
    prints = fingerprint(pair[0]), fingerprint(pair[1])
    done("hashes")
    empty = [name for name, one in zip(sources, prints, strict=True) if not one.informative]
    if empty:
        reason = f"nothing in it to compare, it is plain: {' and '.join(dict.fromkeys(empty))}"
        return PictureSimilarity(
            Likeness.NOT_COMPARABLE, reason, None, None, None, None, sources, pair, timings
        )
    regions = match_regions(local_features(pair[0]), local_features(pair[1]))
    done("regions")
    changed = None
    if regions.near_duplicate and regions.matrix is not None:
        changed = changes(*pair, regions.matrix)
        done("changes")
    confirmed = None if changed is None else changed.agreement >= _UNCHANGED
    hashes = HashMatch(hash_distance(*prints), confirmed)
    found = None
    if features is not None:
        network = features if isinstance(features, Features) else Features(features)
        one, other = network.describe(pair).astype(np.float64)
        distance = float(np.linalg.norm(one - other))
        found = FeatureDistance(distance, network.threshold, network.to_dict())
        done("features")
    likeness, reason = _decided(hashes, regions, changed, found)
    return PictureSimilarity(
        likeness, reason, hashes, regions, changed, found, sources, pair, timings
    )


def _decided(
    hashes: HashMatch,
    regions: RegionMatch,
    changed: Changes | None,
    features: FeatureDistance | None,
) -> tuple[Likeness, str]:
    agree = f"{regions.inliers} local features agree and lie alike"
    how = ", mirrored" if regions.mirrored and regions.near_duplicate else ""
    if changed is not None and changed.agreement < _UNCHANGED:
        how += f"; {1 - changed.agreement:.0%} of what both show is changed"
    if hashes.same_picture:
        why = f"the hashes differ in {hashes.distance} of {BITS} bits"
        if hashes.distance > SAME_BITS:
            why += f", and {agree}"
        return Likeness.SAME_PICTURE, f"{why}{how}"
    if regions.near_duplicate:
        return Likeness.NEAR_DUPLICATE, f"a part of one is in the other: {agree}{how}"
    if features is not None and features.look_alike:
        return Likeness.LOOK_ALIKE, (
            f"other pictures, but their features lie {features.distance:.3f} apart, within "
            f"{features.threshold:.3f}"
        )
    left_open = ""
    if features is not None and features.threshold is None:
        left_open = "; whether they look alike is left open: no threshold is measured for this pack"
    return Likeness.DIFFERENT, f"neither hashes nor local features agree{left_open}"
