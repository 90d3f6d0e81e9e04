"""Verification that a candidate is a version of a picture, by local features on one geometry."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np

from renzheng.images import similarity
from renzheng.images.duplicates.hash_search import Words
from renzheng.images.duplicates.results import Link
from renzheng.images.duplicates.store import Known, Store
from renzheng.images.similarity import LocalFeatures, RegionMatch, regions
from renzheng.images.similarity.regions import Map
from renzheng.types import Floats, Image

# Local features decide if both pictures have this many; with fewer, they cannot contradict a hash.
FEW_FEATURES = 3 * regions.MIN_INLIERS

# The features that agree, over those in the common part: small for unrelated pictures with the same
# watermark or in the same form.
MIN_SHARE = 0.15

# The blocks that agree, over those that both pictures show: cards of one layout reach 85 % at most,
# versions of one picture fall below only if much of it is written over.
MIN_AGREEMENT = 0.9
# The side of the largest square in which nothing agrees, over the longer side, from which on it is
# another picture on the same background: lines of text over a small picture reach 0.21 (with a
# limit of 0.19, 7 of 100 were lost), portraits of two people on cards of one layout 0.25 in 33
# of 40.
OTHER_PICTURE = 0.22

_CANVAS = 240  # px of the longer side at which changed blocks are painted
_KEPT = 1024  # pictures whose features are kept in memory: some 160 MB
_AT_A_TIME = 64  # candidates
_EVERY = 4096  # links between two commits


class Verifier:
    """A verifier of pairs, which remembers its results in the store.

    Parameters
    ----------
    store
        The store, which holds the local features.
    ordered
        The pictures; pairs are given as indices of it.
    read
        Returns a picture by its index, None if it can no longer be read.
    threads
        Number of threads that match features.
    """

    def __init__(
        self,
        store: Store,
        ordered: Sequence[Known],
        read: Callable[[int], Image | None],
        threads: int = 1,
    ):
        self._store = store
        self._read = read
        self._ordered = ordered
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._features: OrderedDict[int, _Seen] = OrderedDict()
        self._fresh: list[tuple[int, int, Link | None]] = []
        self.looked_at = 0

    def __call__(
        self, best: int, candidates: Sequence[tuple[int, int | None]]
    ) -> list[Link | None]:
        """Return the links of candidates, which come with hash distances, to a picture."""
        if not candidates:
            return []
        one = self._ordered[best]
        others = [self._ordered[k] for k, _ in candidates]
        seen = self._store.links(one, others)
        missing = [k for k, _ in candidates if self._ordered[k].number not in seen]
        links, unseen = self._look(best, missing)
        for k, link in zip(missing, links, strict=True):
            seen[self._ordered[k].number] = link
            # Nothing is known of a file that is gone, so nothing is kept for the next time.
            if k not in unseen:
                self._fresh.append((one.number, self._ordered[k].number, link))
        if len(self._fresh) >= _EVERY:
            self.flush()
        found = []
        for other, (k, bits) in zip(others, candidates, strict=True):
            link = seen[other.number]
            near = bits is not None and bits <= similarity.SAME_BITS
            if link is None and near and k not in unseen:
                link = self._by_hash(one, other)
            elif link is not None and _is_unrelated(link):
                link = None  # the features decide, whatever the hashes say
            found.append(None if link is None else replace(link, bits=bits))
        return found

    def flush(self) -> None:
        """Write new results to the store."""
        if self._fresh:
            self._store.put_links(self._fresh)
        self._fresh = []

    def close(self) -> None:
        """Write new results to the store, and end the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self.flush()

    def _look(self, best: int, others: Sequence[int]) -> tuple[list[Link | None], set[int]]:
        """Return the links, and the pictures that could not be compared since a file was gone."""
        self.looked_at += len(others)
        mine = self._of(self._ordered[best])
        found: list[Link | None] = []
        unseen: set[int] = set()
        # a part at a time, which limits the features in memory
        for start in range(0, len(others), _AT_A_TIME):
            part = others[start : start + _AT_A_TIME]
            theirs = [self._of(self._ordered[k]) for k in part]
            hopeful = _hopeful(mine, theirs)
            chosen = [theirs[k].features for k in hopeful]
            if self._pool is None:
                matches = [similarity.match_regions(mine.features, its) for its in chosen]
            else:
                matches = list(
                    self._pool.map(lambda its: similarity.match_regions(mine.features, its), chosen)
                )
            links: list[Link | None] = [None] * len(part)
            image = None
            for k, its, match in zip(hopeful, chosen, matches, strict=True):
                link = _link(match, mine.features, its)
                if link is None:
                    continue
                image = self._read(best) if image is None else image
                other = self._read(part[k])
                if image is None or other is None:
                    unseen.add(part[k])
                else:
                    links[k] = _with_changes(link, match, image, other)
            found += links
        return found, unseen

    def _of(self, known: Known) -> _Seen:
        seen = self._features.pop(known.number, None)
        if seen is None:
            seen = _Seen.of(self._store.features(known))
            while len(self._features) >= _KEPT:
                self._features.popitem(last=False)
        self._features[known.number] = seen
        return seen

    def _by_hash(self, one: Known, other: Known) -> Link | None:
        """Link two pictures by their hashes if one of them has too few features."""
        if min(len(self._of(k).roots) for k in (one, other)) >= FEW_FEATURES:
            return None
        # The pictures as they are, no crops or mirror images, since this is the only evidence.
        if _distance(one.whole, other.whole) > similarity.SAME_BITS:
            return None
        return Link(None, 0, 0.0, False, 1.0, 1.0, 1.0, 0.0)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A picture's local features, and the square roots of their descriptors, of unit length."""

    features: LocalFeatures
    roots: Floats  # (n, 128)

    @classmethod
    def of(cls, features: LocalFeatures) -> _Seen:
        return cls(features, regions.roots(features.descriptors))


def _hopeful(one: _Seen, others: Sequence[_Seen]) -> list[int]:
    """Return the pictures with at least as many similar features as a near-duplicate must have.

    One large product excludes unrelated pictures, which are most of the candidates, in a third of
    the time that it takes to match each of them.
    """
    counts = [len(other.roots) for other in others]
    whole = [k for k, count in enumerate(counts) if count]
    if not len(one.roots) or not whole:
        return []
    mirrored = regions.roots(regions.mirrored(one.features).descriptors)
    products = np.concatenate([one.roots, mirrored]) @ np.concatenate([o.roots for o in others]).T
    starts = np.cumsum([0, *counts])[:-1][whole]
    nearest = np.maximum.reduceat(products, starts, axis=1)  # (2 n, pictures)
    # |a - b|^2 = 2 - 2 a b; the limit is a little wider, because of rounding
    alike = nearest >= 1 - regions.ALIKE**2 / 2 - 1e-4
    similar = alike.reshape(2, len(one.roots), -1).sum(axis=1).max(axis=0)
    return [k for k, count in zip(whole, similar, strict=True) if count >= regions.MIN_INLIERS]


def link_between(one: Image, other: Image) -> Link | None:
    """Return the link of a picture to another, None if they are unrelated.

    Parameters
    ----------
    one, other
        uint8 (H, W, 3) RGB.
    """
    features = similarity.local_features(one), similarity.local_features(other)
    match = similarity.match_regions(*features)
    link = _link(match, *features)
    if link is not None:
        link = _with_changes(link, match, one, other)
    return None if link is None or _is_unrelated(link) else link


def _is_unrelated(link: Link) -> bool:
    changed = link.agreement < MIN_AGREEMENT and link.changed_side >= OTHER_PICTURE
    return link.share < MIN_SHARE or changed


def _link(match: RegionMatch, one: LocalFeatures, other: LocalFeatures) -> Link | None:
    """Return the link that local features prove; None if too few agree."""
    if not match.near_duplicate or match.matrix is None:
        return None
    shares = _shares(match, one.size, other.size)
    return Link(None, match.inliers, match.share, match.mirrored, *shares, 1.0, 0.0)


def _with_changes(link: Link, match: RegionMatch, one: Image, other: Image) -> Link:
    """Return a link with the differences in what both pictures show."""
    assert match.matrix is not None
    found = similarity.changes(one, other, match.matrix)
    side = _largest_square(found.boxes, (one, other)[found.side].shape[:2])
    return replace(link, agreement=found.agreement, changed_side=side)


def _largest_square(boxes: Floats, shape: tuple[int, ...]) -> float:
    """Return the side of the largest square that boxes cover, over the picture's longer side."""
    scale = _CANVAS / max(shape)
    canvas = np.zeros([round(side * scale) + 2 for side in shape], np.uint8)
    for x1, y1, x2, y2 in np.rint(boxes * scale).clip(0).astype(int) + 1:
        canvas[y1:y2, x1:x2] = 1
    canvas[[0, -1]] = 0
    canvas[:, [0, -1]] = 0
    return 2 * float(cv2.distanceTransform(canvas, cv2.DIST_C, 3).max()) / _CANVAS


def _shares(
    match: RegionMatch, one: tuple[int, int], other: tuple[int, int]
) -> tuple[float, float]:
    """Return the share of the first picture that the second shows, and the other way round."""
    assert match.matrix is not None
    forth = _seen(match.matrix, one, other)
    return _seen(np.linalg.inv(match.matrix), other, one), forth


def _seen(matrix: Map, one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return the share of the second picture that the first one fills under a homography."""
    corners = _corners(one)
    depth = corners @ matrix[2, :2] + matrix[2, 2]
    if not (depth * depth[0] > 0).all():  # a corner beyond the horizon: not a view of a picture
        return 0.0
    there = regions.mapped(matrix, corners)
    if not cv2.isContourConvex(there):
        return 0.0
    area, _ = cv2.intersectConvexConvex(there, _corners(other))
    return min(1.0, area / (other[0] * other[1]))


def _corners(size: tuple[int, int]) -> Floats:
    right, low = size[0] - 0.5, size[1] - 0.5
    return np.array([(-0.5, -0.5), (right, -0.5), (right, low), (-0.5, low)], np.float32)


def _distance(one: Words, other: Words) -> int:
    differing = np.bitwise_xor(one[:, None], other[None])
    return int(np.unpackbits(differing.view(np.uint8), axis=-1).sum(axis=-1).min())
