"""Local features that agree and lie alike: which part of one picture does the other show?

SIFT keypoints (Lowe 2004), matched both ways with Lowe's ratio test. Every match has a place, a
size and a direction on both sides, so it alone proposes how one picture lies on the other (Philbin
et al., "Object retrieval with large vocabularies and fast spatial matching", 2007). The proposal
with which most others agree is refined, first to an affine map and then to a homography, as a
picture of a picture needs. Nothing is drawn by chance, so the same two pictures always get the same
answer. A mirror image needs no second look at the pixels: mirroring permutes a SIFT descriptor's
bins.

Two shots of one moment agree in many features too, but not so closely: what counts here lies within
a pixel or so of its place and looks nearly the same.
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
# Of 124,750 pairs of strangers in LFW none passes; of 20,111 pairs of one person five do: three
# pairs of shots of one moment, two crops of one photograph, and one backdrop behind two of them
# (benchmarks/picture_similarity.py).
LEAST_INLIERS, LEAST_SHARE = 10, 0.15
# Or, for a picture within another one, whose frames share much that does not agree:
DENSE_INLIERS, LEAST_DENSITY = 25, 0.45

_LARGEST, _SMALLEST = 512, 256  # px of the longer side that features are looked for at
_DOUBLING = 0.25  # px
_RATIO = 0.8  # Lowe's
ALIKE = 0.25  # between root descriptors, 0 to 1.41: copies keep to 0.2, other shots begin at 0.25
# Of the longer side: how far off a match may be by a single proposal, an affine map, a homography.
_COARSE, _AFFINE, _FINE = 0.06, 0.015, 0.004
_FEWEST = 6  # matches; four fix a homography
_MOST_STRETCH, _MOST_ZOOM = 2.5, 16.0  # of a flat picture seen by a camera

Map = npt.NDArray[np.floating[Any]]  # (3, 3)
Pairs = npt.NDArray[np.intp]  # (m, 2): rows of the one and of the other
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
    """How one picture lies on another.

    Attributes
    ----------
    inliers
        Features that agree and lie alike.
    share
        The same, of the features that both pictures' frames have in common, in the picture that
        has fewer there; 0 to 1.
    density
        Likewise, of the features within the hull of those that agree; 0 to 1.
    mirrored
        Whether one is (part of) the other's mirror image.
    matrix
        float64 (3, 3): takes xy of the first picture to xy of the second; None without a match.
    region_a, region_b
        float32 (4, 2) xy px: the region that agrees, in either picture; None without a match.
    points_a, points_b
        float32 (inliers, 2) xy px: the features that agree.
    near_duplicate
        Whether the pictures have a common origin: at least 10 features and 15 % of those in
        common, or at least 25 and 45 % of those within their hull.
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
        """Plain values for JSON."""

        def rows(values: Any) -> Any:
            return None if values is None else _plain(values, 2)

        return {
            "near_duplicate": self.near_duplicate,
            "inliers": self.inliers,
            "share": round(self.share, 4),
            "density": round(self.density, 4),
            "rules": [
                {"least_inliers": LEAST_INLIERS, "least_share": LEAST_SHARE},
                {"least_inliers": DENSE_INLIERS, "least_density": LEAST_DENSITY},
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
    # OpenCV's own stubs leave SIFT out.
    sift = cv2.SIFT_create(nfeatures=MOST_FEATURES)  # type: ignore[attr-defined, unused-ignore]
    keypoints, descriptors = sift.detectAndCompute(grey, None)
    # Of equally strong ones SIFT keeps more than it was asked for.
    keypoints = keypoints[:MOST_FEATURES]
    if not keypoints:
        nothing = np.zeros((0, 2), np.float32)
        return LocalFeatures(nothing, np.zeros((0, 128), np.uint8), nothing, (width, height))
    # SIFT doubles the picture first and gives places a quarter of a pixel too far right and down.
    places = np.array([k.pt for k in keypoints], np.float32) - _DOUBLING
    points = (places + 0.5) / np.float32(scale) - 0.5
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
        near_duplicate=(inliers >= LEAST_INLIERS and share >= LEAST_SHARE)
        or (inliers >= DENSE_INLIERS and density >= LEAST_DENSITY),
    )


def mirrored(one: LocalFeatures) -> LocalFeatures:
    """The features of the mirror image, without looking at it."""
    points = one.points.copy()
    points[:, 0] = one.size[0] - 1 - points[:, 0]
    frames = one.frames.copy()
    frames[:, 1] = np.pi - frames[:, 1]
    # 4 rows, 4 columns, 8 directions in the keypoint's own frame, which is mirrored about its axis
    bins = one.descriptors.reshape(-1, 4, 4, 8)[:, ::-1][..., (-np.arange(8)) % 8]
    return LocalFeatures(points, np.ascontiguousarray(bins.reshape(-1, 128)), frames, one.size)


def _pairs(a: LocalFeatures, b: LocalFeatures) -> tuple[Pairs, Floats]:
    """Matches that are each other's nearest and pass the ratio test both ways, and how far apart.

    By `roots` (Arandjelovic and Zisserman 2012).
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
    """Descriptors whose Euclidean distance is Hellinger's (RootSIFT): float32 (n, 128)."""
    rows = descriptors.astype(np.float32)
    rows /= np.maximum(rows.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.sqrt(rows), np.float32)


def _located(a: LocalFeatures, b: LocalFeatures) -> tuple[Pairs, Map] | None:
    """The matches that one homography explains closely, and the homography."""
    pairs, apart = _pairs(a, b)
    if len(pairs) < _FEWEST:
        return None
    x, y = a.points[pairs[:, 0]].astype(np.float64), b.points[pairs[:, 1]].astype(np.float64)
    reach = max(b.size)
    kept = _proposed(x, y, a.frames[pairs[:, 0]], b.frames[pairs[:, 1]], _COARSE * reach)
    matrix: Map | None = None
    for tolerance in (_COARSE, (_COARSE + _AFFINE) / 2, _AFFINE, _AFFINE):
        matrix = _affine(x[kept], y[kept]) if kept.sum() >= _FEWEST else None
        if matrix is None:
            return None
        kept = _near(matrix, x, y, tolerance * reach)
    alike = apart <= ALIKE
    kept &= alike
    for tolerance in (3 * _FINE, _FINE, _FINE):
        matrix = _homography(x[kept], y[kept]) if kept.sum() >= _FEWEST else None
        if matrix is None:
            return None
        kept = _near(matrix, x, y, tolerance * reach) & alike
    if matrix is None or kept.sum() < _FEWEST or not _plausible(matrix, x[kept]):
        return None
    return pairs[kept], matrix


def _proposed(x: _Points, y: _Points, frames_x: Floats, frames_y: Floats, near: float) -> _Mask:
    """The matches that agree with the single match with which most others do."""
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
    """Whether a camera could see the one picture so: nowhere behind it, squeezed or turned over."""
    depth = x @ matrix[2, :2] + matrix[2, 2]
    if not (depth > 0).all():
        return False
    centre = x.mean(axis=0)
    where, far = mapped(matrix, centre[None])[0], float(centre @ matrix[2, :2] + matrix[2, 2])
    slope = (matrix[:2, :2] - np.outer(where, matrix[2, :2])) / far
    largest, smallest = np.linalg.svd(slope, compute_uv=False)
    return bool(
        np.linalg.det(slope) > 0
        and largest < _MOST_STRETCH * smallest
        and smallest > 1 / _MOST_ZOOM
        and largest < _MOST_ZOOM
    )


def mapped(matrix: Map, points: npt.NDArray[np.floating[Any]]) -> Floats:
    """Points under a homography: float32 (n, 2)."""
    there = points @ matrix[:, :2].T + matrix[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):  # a point may lie on its horizon
        return np.asarray(there[:, :2] / there[:, 2:], np.float32)


def _inside(one: LocalFeatures, matrix: Map, size: tuple[int, int]) -> int:
    """Features of one picture that the other shows as well."""
    points = mapped(matrix, one.points)
    return int(((points >= 0) & (points <= np.array(size) - 1)).all(axis=1).sum())


def _enclosed(points: Floats, corners: Floats) -> int:
    """How many points lie within the hull of some of them."""
    hull = cv2.convexHull(corners)
    # A pixel's leeway, for those that are the hull's corners.
    return sum(cv2.pointPolygonTest(hull, (float(x), float(y)), True) >= -1 for x, y in points)
