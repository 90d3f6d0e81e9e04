"""Local features that agree in place and appearance, and the regions that two pictures share.

SIFT keypoints (Lowe 2004) are matched both ways with Lowe's ratio test. Every match has a place, a
size and a direction on both sides, so each match alone proposes how one picture lies on the other
(Philbin et al., "Object retrieval with large vocabularies and fast spatial matching", 2007). The
proposal with which most others agree is refined, first to an affine map and then to a homography,
which a picture of a picture needs. Nothing is random, so the same two pictures always get the same
answer. The pixels of the mirror image are not needed: mirroring permutes a SIFT descriptor's bins.

Two shots of one moment also agree in many features, but not so closely: the features that count
here lie within about a pixel of their place and look nearly the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.images.pixels import check_rgb
from renzheng.types import Floats, Image

MAX_FEATURES = 300
# Of 124,750 pairs of different people in LFW none passes; of 20,111 pairs of one person five do:
# three pairs of shots of one moment, two crops of one photograph, and one backdrop behind two of
# them (benchmarks/picture_similarity.py).
MIN_INLIERS, MIN_SHARE = 10, 0.15
# The alternative rule is for a picture within another, where much of the common part differs.
DENSE_INLIERS, MIN_DENSITY = 25, 0.45

_MAX_SIDE, _MIN_SIDE = 512, 256  # px of the longer side at which features are searched
_DOUBLING = 0.25  # px
_RATIO = 0.8  # Lowe's
ALIKE = 0.25  # between root descriptors, 0 to 1.41: copies keep to 0.2, other shots begin at 0.25
# Tolerance of a match over the longer side: by a single proposal, an affine map, a homography.
_COARSE, _AFFINE, _FINE = 0.06, 0.015, 0.004
_MIN_MATCHES = 6  # four determine a homography
_MAX_STRETCH, _MAX_ZOOM = 2.5, 16.0  # of a flat picture seen by a camera

Map = npt.NDArray[np.floating[Any]]  # (3, 3)
Pairs = npt.NDArray[np.intp]  # (m, 2): rows in the first picture and in the second
_Points = npt.NDArray[np.float64]  # (m, 2)
_Mask = npt.NDArray[np.bool_]


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
    """The position of one picture on another.

    Attributes
    ----------
    inliers
        Number of features that agree in place and appearance.
    share
        The inliers over the features in the common part of both pictures, in the picture that has
        fewer there; 0 to 1.
    density
        The inliers over the features within their convex hull, likewise; 0 to 1.
    mirrored
        Whether one is (part of) the other's mirror image.
    matrix
        float64 (3, 3): maps xy of the first picture to xy of the second; None without a match.
    region_a, region_b
        float32 (4, 2) xy px: the region that agrees, in each picture; None without a match.
    points_a, points_b
        float32 (inliers, 2) xy px: the features that agree.
    near_duplicate
        Whether the pictures have a common origin: at least 10 inliers and a share of 15 %, or at
        least 25 inliers and a density of 45 %.
    """

    inliers: int
    share: float
    density: float
    mirrored: bool
    matrix: Map | None
    region_a: Floats | None
    region_b: Floats | None
    points_a: Floats
    points_b: Floats
    near_duplicate: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""

        def rows(values: Any) -> Any:
            return None if values is None else _plain(values, 2)

        return {
            "near_duplicate": self.near_duplicate,
            "inliers": self.inliers,
            "share": round(self.share, 4),
            "density": round(self.density, 4),
            "rules": [
                {"least_inliers": MIN_INLIERS, "least_share": MIN_SHARE},
                {"least_inliers": DENSE_INLIERS, "least_density": MIN_DENSITY},
            ],
            "mirrored": self.mirrored,
            "matrix": None if self.matrix is None else _plain(self.matrix, 9),
            "region_a": rows(self.region_a),
            "region_b": rows(self.region_b),
        }


def _plain(values: npt.NDArray[Any], digits: int) -> Any:
    return (np.asarray(values, np.float64).round(digits) + 0.0).tolist()  # no -0.0


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
    check_rgb(image)
    height, width = image.shape[:2]
    grey = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    longest = max(height, width)
    scale = min(max(longest, _MIN_SIDE), _MAX_SIDE) / longest
    if scale != 1:
        size = max(1, round(width * scale)), max(1, round(height * scale))
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        grey = cv2.resize(grey, size, interpolation=interpolation)
    # OpenCV's own stubs leave SIFT out.
    sift = cv2.SIFT_create(nfeatures=MAX_FEATURES)  # type: ignore[attr-defined, unused-ignore]
    keypoints, descriptors = sift.detectAndCompute(grey, None)
    # SIFT returns more than it was asked for if several are equally strong.
    keypoints = keypoints[:MAX_FEATURES]
    if not keypoints:
        nothing = np.zeros((0, 2), np.float32)
        return LocalFeatures(nothing, np.zeros((0, 128), np.uint8), nothing, (width, height))
    # SIFT doubles the picture first and returns places a quarter of a pixel too far right and down.
    places = np.array([k.pt for k in keypoints], np.float32) - _DOUBLING
    points = (places + 0.5) / np.float32(scale) - 0.5
    frames = np.array([(k.size / scale, np.radians(k.angle)) for k in keypoints], np.float32)
    return LocalFeatures(
        np.asarray(points, np.float32),
        np.clip(descriptors[:MAX_FEATURES], 0, 255).astype(np.uint8),
        frames,
        (width, height),
    )


def match_regions(a: LocalFeatures, b: LocalFeatures) -> RegionMatch:
    """Find the part that two pictures share; exchanging them exchanges the answer.

    Parameters
    ----------
    a, b
        The results of `local_features`.
    """
    if _order(b) < _order(a):
        found = _match(b, a)
        back = None if found.matrix is None else np.linalg.inv(found.matrix)
        return RegionMatch(
            found.inliers, found.share, found.density, found.mirrored, back, found.region_b,
            found.region_a, found.points_b, found.points_a, found.near_duplicate,
        )  # fmt: skip
    return _match(a, b)


def _order(one: LocalFeatures) -> tuple[int, bytes]:
    return len(one.points), one.points.tobytes()


def _match(a: LocalFeatures, b: LocalFeatures) -> RegionMatch:
    best: tuple[Pairs, Map] | None = None
    turned = False
    for flipped in (False, True):
        found = _located(mirrored(a) if flipped else a, b)
        if found is not None and (best is None or len(found[0]) > len(best[0])):
            best, turned = found, flipped
    if best is None:
        nothing = np.zeros((0, 2), np.float32)
        return RegionMatch(0, 0.0, 0.0, False, None, None, None, nothing, nothing, False)
    pairs, matrix = best
    if turned:
        matrix = matrix @ np.array([[-1.0, 0, a.size[0] - 1], [0, 1, 0], [0, 0, 1]])
    points_a, points_b = a.points[pairs[:, 0]], b.points[pairs[:, 1]]
    low, high = points_a.min(axis=0), points_a.max(axis=0)
    region = np.array([low, (high[0], low[1]), high, (low[0], high[1])], np.float32)
    inliers = len(pairs)
    common = min(_inside(a, matrix, b.size), _inside(b, np.linalg.inv(matrix), a.size))
    share = min(1.0, inliers / max(common, 1))
    within = min(_enclosed(a.points, points_a), _enclosed(b.points, points_b))
    density = min(1.0, inliers / max(within, 1))
    return RegionMatch(
        inliers=inliers,
        share=share,
        density=density,
        mirrored=turned,
        matrix=matrix,
        region_a=region,
        region_b=mapped(matrix, region),
        points_a=points_a,
        points_b=points_b,
        near_duplicate=(inliers >= MIN_INLIERS and share >= MIN_SHARE)
        or (inliers >= DENSE_INLIERS and density >= MIN_DENSITY),
    )


def mirrored(one: LocalFeatures) -> LocalFeatures:
    """Return the features of the mirror image, computed from those of the picture."""
    points = one.points.copy()
    points[:, 0] = one.size[0] - 1 - points[:, 0]
    frames = one.frames.copy()
    frames[:, 1] = np.pi - frames[:, 1]
    # 4 rows, 4 columns, 8 directions in the keypoint's frame, which is mirrored about its axis
    bins = one.descriptors.reshape(-1, 4, 4, 8)[:, ::-1][..., (-np.arange(8)) % 8]
    return LocalFeatures(points, np.ascontiguousarray(bins.reshape(-1, 128)), frames, one.size)


def _pairs(a: LocalFeatures, b: LocalFeatures) -> tuple[Pairs, Floats]:
    """Match features that are each other's nearest and pass the ratio test both ways.

    Returns the pairs and the distances between their `roots` (Arandjelovic and Zisserman 2012).
    """
    if len(a.points) < 2 or len(b.points) < 2:
        return np.zeros((0, 2), np.intp), np.zeros(0, np.float32)
    one, other = roots(a.descriptors), roots(b.descriptors)
    squared = np.maximum(2 - 2 * (one @ other.T), 0)
    forth, back = squared.argmin(axis=1), squared.argmin(axis=0)
    rows = np.arange(len(one))
    nearest = squared[rows, forth]
    second_forth = np.partition(squared, 1, axis=1)[:, 1]
    second_back = np.partition(squared, 1, axis=0)[1][forth]
    clear = nearest <= _RATIO**2 * np.minimum(second_forth, second_back)
    kept = np.flatnonzero((back[forth] == rows) & clear)
    pairs = np.stack([kept, forth[kept]], axis=1)
    return pairs, np.asarray(np.sqrt(nearest[kept]), np.float32)


def roots(descriptors: npt.NDArray[np.uint8]) -> Floats:
    """Return descriptors whose Euclidean distance is Hellinger's (RootSIFT), float32 (n, 128)."""
    rows = descriptors.astype(np.float32)
    rows /= np.maximum(rows.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.sqrt(rows), np.float32)


def _located(a: LocalFeatures, b: LocalFeatures) -> tuple[Pairs, Map] | None:
    """Find the matches that one homography explains closely, and the homography."""
    pairs, apart = _pairs(a, b)
    if len(pairs) < _MIN_MATCHES:
        return None
    x, y = a.points[pairs[:, 0]].astype(np.float64), b.points[pairs[:, 1]].astype(np.float64)
    reach = max(b.size)
    kept = _proposed(x, y, a.frames[pairs[:, 0]], b.frames[pairs[:, 1]], _COARSE * reach)
    matrix: Map | None = None
    for tolerance in (_COARSE, (_COARSE + _AFFINE) / 2, _AFFINE, _AFFINE):
        matrix = _affine(x[kept], y[kept]) if kept.sum() >= _MIN_MATCHES else None
        if matrix is None:
            return None
        kept = _near(matrix, x, y, tolerance * reach)
    alike = apart <= ALIKE
    kept &= alike
    for tolerance in (3 * _FINE, _FINE, _FINE):
        matrix = _homography(x[kept], y[kept]) if kept.sum() >= _MIN_MATCHES else None
        if matrix is None:
            return None
        kept = _near(matrix, x, y, tolerance * reach) & alike
    if matrix is None or kept.sum() < _MIN_MATCHES or not _plausible(matrix, x[kept]):
        return None
    return pairs[kept], matrix


def _proposed(x: _Points, y: _Points, frames_x: Floats, frames_y: Floats, near: float) -> _Mask:
    """Return the matches that agree with the match with which most others agree."""
    zoom = frames_y[:, 0] / frames_x[:, 0]
    turn = frames_y[:, 1] - frames_x[:, 1]
    # In complex numbers a similarity is y = factor x + shift.
    factor = (zoom * np.exp(1j * turn)).astype(np.complex128)
    p, q = x @ np.array([1, 1j]), y @ np.array([1, 1j])
    off = np.abs(factor[:, None] * (p[None] - p[:, None]) + q[:, None] - q[None])
    agrees = off <= near
    return np.asarray(agrees[int(agrees.sum(axis=1).argmax())])


def _affine(x: _Points, y: _Points) -> Map | None:
    rows = np.column_stack([x, np.ones(len(x))])
    solution, _, rank, _ = np.linalg.lstsq(rows, y, rcond=1e-6)
    return np.vstack([solution.T, [0.0, 0.0, 1.0]]) if rank == 3 else None


def _homography(x: _Points, y: _Points) -> Map | None:
    matrix, _ = cv2.findHomography(x, y, 0)
    if matrix is None or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-12:
        return None
    return np.asarray(matrix, np.float64)


def _near(matrix: Map, x: _Points, y: _Points, tolerance: float) -> _Mask:
    return np.asarray(np.linalg.norm(mapped(matrix, x) - y, axis=1) <= tolerance)


def _plausible(matrix: Map, x: _Points) -> bool:
    """Return whether a camera could see one picture so: not behind it, squeezed or turned over."""
    depth = x @ matrix[2, :2] + matrix[2, 2]
    if not (depth > 0).all():
        return False
    centre = x.mean(axis=0)
    where, far = mapped(matrix, centre[None])[0], float(centre @ matrix[2, :2] + matrix[2, 2])
    slope = (matrix[:2, :2] - np.outer(where, matrix[2, :2])) / far
    largest, smallest = np.linalg.svd(slope, compute_uv=False)
    return bool(
        np.linalg.det(slope) > 0
        and largest < _MAX_STRETCH * smallest
        and smallest > 1 / _MAX_ZOOM
        and largest < _MAX_ZOOM
    )


def mapped(matrix: Map, points: npt.NDArray[np.floating[Any]]) -> Floats:
    """Map points by a homography, float32 (n, 2)."""
    there = points @ matrix[:, :2].T + matrix[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):  # a point may lie on its horizon
        return np.asarray(there[:, :2] / there[:, 2:], np.float32)


def _inside(one: LocalFeatures, matrix: Map, size: tuple[int, int]) -> int:
    """Count the features of one picture that the other shows as well."""
    points = mapped(matrix, one.points)
    return int(((points >= 0) & (points <= np.array(size) - 1)).all(axis=1).sum())


def _enclosed(points: Floats, corners: Floats) -> int:
    """Count the points within the convex hull of some of them."""
    hull = cv2.convexHull(corners)
    # a tolerance of one pixel, for the corners of the hull
    return sum(cv2.pointPolygonTest(hull, (float(x), float(y)), True) >= -1 for x, y in points)
