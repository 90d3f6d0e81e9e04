"""Local features that agree and lie alike: which part of one picture does the other show?

SIFT (Lowe 2004) keypoints, matched both ways with Lowe's ratio test. Every match has a place, a size
and a direction on both sides, so it alone proposes how one picture lies on the other (Philbin et
al., "Object retrieval with large vocabularies and fast spatial matching", 2007); the proposal with
which most others agree is refined to an affine map. A mirror image needs no second look at the
pixels: mirroring permutes a SIFT descriptor's bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.types import Floats, Image

MOST_FEATURES = 300
NEAR_DUPLICATE_INLIERS = 12

_LARGEST, _SMALLEST = 512, 256  # px of the longer side that features are looked for at
_RATIO = 0.8  # Lowe's
_COARSE, _FINE = 0.06, 0.015  # of the longer side: how far off a proposal, an affine map may be
_MOST_STRETCH = 2.0  # a view of a flat picture is not squeezed more than this
_MOST_ZOOM = 12.0

Map = npt.NDArray[np.float64]  # (3, 3)


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """The keypoints of a picture.

    Attributes
    ----------
    points
        float32 (n, 2) xy px; n is at most 300.
    descriptors
        uint8 (n, 128), SIFT's.
    frames
        float32 (n, 2): each keypoint's size in px and direction in radians.
    size
        The picture's width and height in px.
    """

    points: Floats
    descriptors: npt.NDArray[np.uint8]
    frames: Floats
    size: tuple[int, int]


@dataclass(frozen=True, eq=False)
class RegionMatch:
    """How one picture lies on another.

    Attributes
    ----------
    inliers
        Features that agree and lie alike.
    share
        The same, of the features that the common part has in either picture; 0 to 1.
    mirrored
        Whether one is (part of) the other's mirror image.
    matrix
        float64 (3, 3): takes xy of the first picture to xy of the second; None without a match.
    region_a, region_b
        float32 (4, 2) xy px: the region that agrees, in either picture; None without a match.
    points_a, points_b
        float32 (inliers, 2) xy px: the features that agree.
    near_duplicate
        Whether that is enough to say that the pictures have a common origin.
    """

    inliers: int
    share: float
    mirrored: bool
    matrix: Map | None
    region_a: Floats | None
    region_b: Floats | None
    points_a: Floats
    points_b: Floats
    near_duplicate: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""

        def rows(values: Any) -> Any:
            return None if values is None else np.asarray(values).round(2).tolist()

        return {
            "near_duplicate": self.near_duplicate,
            "inliers": self.inliers,
            "threshold": NEAR_DUPLICATE_INLIERS,
            "share": round(self.share, 4),
            "mirrored": self.mirrored,
            "matrix": None if self.matrix is None else self.matrix.round(6).tolist(),
            "region_a": rows(self.region_a),
            "region_b": rows(self.region_b),
        }


def local_features(image: Image) -> LocalFeatures:
    """Find the keypoints of a picture.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.

    Raises
    ------
    InvalidInput
        If it is no such picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
        raise InvalidInput(f"a picture is uint8 (H, W, 3), not {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    longest = max(height, width)
    scale = min(max(longest, _SMALLEST), _LARGEST) / longest
    if scale != 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        grey = cv2.resize(grey, size, interpolation=how)
    keypoints, descriptors = cv2.SIFT_create(nfeatures=MOST_FEATURES).detectAndCompute(grey, None)
    # Of equally strong ones SIFT keeps more than it was asked for.
    keypoints = keypoints[:MOST_FEATURES]
    if not keypoints:
        nothing = np.zeros((0, 2), np.float32)
        return LocalFeatures(nothing, np.zeros((0, 128), np.uint8), nothing, (width, height))
    points = (np.array([k.pt for k in keypoints], np.float32) + 0.5) / np.float32(scale) - 0.5
    frames = np.array([(k.size / scale, np.radians(k.angle)) for k in keypoints], np.float32)
    return LocalFeatures(
        np.asarray(points, np.float32),
        np.clip(descriptors[:MOST_FEATURES], 0, 255).astype(np.uint8),
        frames,
        (width, height),
    )


def match_regions(a: LocalFeatures, b: LocalFeatures) -> RegionMatch:
    """Find the part of two pictures that is the same; exchanging them exchanges the answer.

    Parameters
    ----------
    a, b
        From `local_features`.
    """
    if _order(b) < _order(a):
        found = _match(b, a)
        back = None if found.matrix is None else np.linalg.inv(found.matrix)
        return RegionMatch(
            found.inliers, found.share, found.mirrored, back, found.region_b, found.region_a,
            found.points_b, found.points_a, found.near_duplicate,
        )  # fmt: skip
    return _match(a, b)


def _order(one: LocalFeatures) -> tuple[int, bytes]:
    return len(one.points), one.points.tobytes()


def _match(a: LocalFeatures, b: LocalFeatures) -> RegionMatch:
    best: tuple[npt.NDArray[np.intp], Map] | None = None
    turned = False
    for mirrored in (False, True):
        found = _located(_mirrored(a) if mirrored else a, b)
        if found is not None and (best is None or len(found[0]) > len(best[0])):
            best, turned = found, mirrored
    nothing = np.zeros((0, 2), np.float32)
    if best is None:
        return RegionMatch(0, 0.0, False, None, None, None, nothing, nothing, False)
    pairs, matrix = best
    if turned:
        matrix = matrix @ np.array([[-1.0, 0, a.size[0] - 1], [0, 1, 0], [0, 0, 1]])
    points_a, points_b = a.points[pairs[:, 0]], b.points[pairs[:, 1]]
    low, high = points_a.min(axis=0), points_a.max(axis=0)
    region = np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)
    inliers = len(pairs)
    common = min(_inside(a, matrix, b.size), _inside(b, np.linalg.inv(matrix), a.size))
    return RegionMatch(
        inliers=inliers,
        share=min(1.0, inliers / max(common, 1)),
        mirrored=turned,
        matrix=matrix,
        region_a=region,
        region_b=_mapped(matrix, region),
        points_a=points_a,
        points_b=points_b,
        near_duplicate=inliers >= NEAR_DUPLICATE_INLIERS,
    )


def _mirrored(one: LocalFeatures) -> LocalFeatures:
    points = one.points.copy()
    points[:, 0] = one.size[0] - 1 - points[:, 0]
    frames = one.frames.copy()
    frames[:, 1] = np.pi - frames[:, 1]
    # 4 rows, 4 columns, 8 directions in the keypoint's own frame, which is mirrored about its axis
    bins = one.descriptors.reshape(-1, 4, 4, 8)[:, ::-1][..., (-np.arange(8)) % 8]
    return LocalFeatures(points, np.ascontiguousarray(bins.reshape(-1, 128)), frames, one.size)


def _pairs(a: LocalFeatures, b: LocalFeatures) -> npt.NDArray[np.intp]:
    """Matches that are each other's nearest and pass the ratio test both ways: (m, 2)."""
    nobody = np.zeros((0, 2), np.intp)
    if len(a.points) < 2 or len(b.points) < 2:
        return nobody
    # RootSIFT (Arandjelovic and Zisserman 2012): Euclidean on roots is Hellinger on histograms
    one, other = _roots(a.descriptors), _roots(b.descriptors)
    squared = np.maximum(2 - 2 * (one @ other.T), 0)
    forth, back = squared.argmin(axis=1), squared.argmin(axis=0)
    rows = np.arange(len(one))
    mutual = back[forth] == rows
    nearest = squared[rows, forth]
    second_forth = np.partition(squared, 1, axis=1)[:, 1]
    second_back = np.partition(squared, 1, axis=0)[1][forth]
    clear = nearest <= _RATIO**2 * np.minimum(second_forth, second_back)
    kept = np.flatnonzero(mutual & clear)
    return np.stack([kept, forth[kept]], axis=1)


def _roots(descriptors: npt.NDArray[np.uint8]) -> Floats:
    rows = descriptors.astype(np.float32)
    rows /= np.maximum(rows.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.sqrt(rows), np.float32)


def _located(a: LocalFeatures, b: LocalFeatures) -> tuple[npt.NDArray[np.intp], Map] | None:
    """The matches that one affine map explains, and the map."""
    pairs = _pairs(a, b)
    if len(pairs) < 3:
        return None
    x, y = (f.points[pairs[:, n]].astype(np.float64) for n, f in enumerate((a, b)))
    frames_a, frames_b = a.frames[pairs[:, 0]], b.frames[pairs[:, 1]]
    zoom = frames_b[:, 0] / frames_a[:, 0]
    turn = frames_b[:, 1] - frames_a[:, 1]
    # As complex numbers a similarity is y = factor * x + shift.
    p, q = x @ np.array([1, 1j]), y @ np.array([1, 1j])
    factor = (zoom * np.exp(1j * turn)).astype(np.complex128)
    shift = q - factor * p
    off = np.abs(factor[:, None] * p[None] + shift[:, None] - q[None])
    reach = max(b.size)
    agrees = off <= _COARSE * reach
    best = int(agrees.sum(axis=1).argmax())
    kept = agrees[best]
    matrix: Map | None = None
    for tolerance in (_COARSE, (_COARSE + _FINE) / 2, _FINE, _FINE):
        if kept.sum() < 3:
            return None
        matrix = _affine(x[kept], y[kept])
        if matrix is None:
            return None
        kept = np.linalg.norm(_mapped(matrix, x) - y, axis=1) <= tolerance * reach
    if matrix is None or kept.sum() < 3 or not _plausible(matrix):
        return None
    return pairs[kept], matrix


def _affine(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Map | None:
    rows = np.column_stack([x, np.ones(len(x))])
    solution, _, rank, _ = np.linalg.lstsq(rows, y, rcond=1e-6)
    if rank < 3:
        return None
    return np.vstack([solution.T, [0.0, 0.0, 1.0]])


def _plausible(matrix: Map) -> bool:
    largest, smallest = np.linalg.svd(matrix[:2, :2], compute_uv=False)
    if not np.isfinite(largest) or np.linalg.det(matrix[:2, :2]) <= 0:
        return False
    return bool(
        largest < _MOST_STRETCH * smallest and 1 / _MOST_ZOOM < smallest and largest < _MOST_ZOOM
    )


def _mapped(matrix: Map, points: npt.NDArray[Any]) -> Floats:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2], np.float32)


def _inside(one: LocalFeatures, matrix: Map, size: tuple[int, int]) -> int:
    """Features of one picture that the other shows as well."""
    points = _mapped(matrix, one.points)
    return int(((points >= 0) & (points <= np.array(size) - 1)).all(axis=1).sum())
