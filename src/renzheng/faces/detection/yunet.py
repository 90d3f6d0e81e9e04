"""YuNet (Wu, Peng, Yu 2023): one small network sees a whole picture, without a pyramid of levels.

Cells 8, 16 and 32 px apart each answer whether they lie on a face, and where its box and its five
landmarks are. The network finds faces of about 20 to 300 px; here it sees a picture once so that
the smallest wanted face is of that size, and again at a quarter of the scale, a sixteenth and so
on, until the largest is. Its answers are read by code of ours, since OpenCV's own reader
(``cv2.FaceDetectorYN``) runs in OpenCV alone, keeps the size of the last picture and so is not safe
between threads. The two agree to 0.01 px where one cell is asked.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.faces.detection.boxes import suppress
from renzheng.faces.detection.interface import check_pictures
from renzheng.faces.detection.pyramid import CELL, Octaves
from renzheng.models.runtime import Network, detection_backend
from renzheng.types import Face, Floats, Image

_STRIDES = (8, 16, 32)  # px between the cells of each map
_ALIGNED = _STRIDES[-1]  # both sides of the network's picture are multiples of it

# Faces in pixels of a level. Of 50 portraits two were missed at 24 px, and eight at 16. Scores are
# best from 130 to 300 px, at 0.94; at 400 px they fall to 0.90, at 600 px to 0.73
# (benchmarks/yunet_constants.md).
_SMALLEST, _LARGEST = 24.0, 300.0
_LARGEST_SHARE = 1.5  # the largest face over the picture's shorter side, as MTCNN's
_STEP = 4.0  # from level to level: faces of two levels overlap, so none falls between

# Cells that see a face with at least this score, and whose boxes overlap the best one's by half,
# are averaged, each by its score. The landmarks of portraits then scatter by 0.072 of the eyes'
# distance about MTCNN's instead of by 0.089 (faces of 90 px, benchmarks/yunet_constants.md).
_VOTING, _VOTING_OVERLAP = 0.3, 0.5
_LEVEL_OVERLAP, _OVERLAP = 0.3, 0.7  # above, boxes of a level, and of all levels, are suppressed

# The network's score, the geometric mean of two probabilities, on MTCNN's scale (`FaceDetector`).
# It finds faces on their side too, with landmarks as of upright ones. From the second pair on each
# is midway between the scores at which it takes as many upright faces as MTCNN, and as many at
# other quarter turns, of 358 pictures (benchmarks/yunet_constants.md): 0.011 apart at most.
_RAW_SCORES = (0.6, 0.862, 0.885, 0.897, 0.908, 0.913, 0.927)
_SCORES = (0.7, 0.9, 0.97, 0.99, 0.998, 0.999, 0.9999)

# A level of more pixels than the first is seen in tiles, so that memory stays bounded. A tile has a
# margin about it; the cells of the margin are its neighbour's.
_MAX_PIXELS, _TILE, _MARGIN = 2_100_000, 1024, 96


class _Cells(NamedTuple):
    """The cells of a level that see a face: boxes (n, 4), landmarks (n, 5, 2), scores (n,)."""

    boxes: Floats
    landmarks: Floats
    scores: Floats


class YuNet:
    """YuNet as a `FaceDetector`. Safe to share between threads; repeats bit for bit.

    Parameters
    ----------
    network
        The network, as `renzheng.models.converters.yunet` writes it.
    min_face_size
        The smallest face to look for, in pixels. Larger is faster. Below 20 px many are missed.

    Raises
    ------
    InvalidInput
        If `min_face_size` is below 12.
    """

    def __init__(self, network: Network, *, min_face_size: int = 20):
        if min_face_size < CELL:
            raise InvalidInput(f"min_face_size must be {CELL} px or more, not {min_face_size}")
        self._network = network
        self.min_face_size = min_face_size

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        backend: str | None = None,
        **parameters: Any,
    ) -> YuNet:
        """Load a detector from a folder with ``yunet.onnx``.

        Parameters
        ----------
        folder
            The folder of a detection pack.
        threads
            Threads per call; by default the runtime decides.
        backend
            As for `Network`; with an accelerator it stays on the processor, see
            `renzheng.models.runtime.detection_backend`.
        parameters
            Parameters of the constructor.
        """
        on = detection_backend(backend)
        return cls(Network(folder / "yunet.onnx", threads, backend=on), **parameters)

    def detect(self, image: Image) -> list[Face]:
        """Find the faces of one picture, the largest first.

        Parameters
        ----------
        image
            uint8 (H, W, 3) RGB, upright.

        Returns
        -------
        list of Face
            Empty where there is none.

        Raises
        ------
        InvalidInput
            If the picture is not uint8 (H, W, 3).
        """
        check_pictures([image])
        if not image.size:
            return []
        octaves = Octaves(image)
        found = [self._faces_at(octaves, each) for each in self._scales(*image.shape[:2])]
        boxes, landmarks, scores = (np.concatenate(part) for part in zip(*found, strict=True))
        large = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) >= self.min_face_size
        boxes, landmarks, scores = boxes[large], landmarks[large], scores[large]
        keep = suppress(boxes, scores, _OVERLAP, by_smaller=True)
        likely = _as_probabilities(scores)
        faces = [Face(boxes[i], landmarks[i], float(likely[i])) for i in keep]
        return sorted(faces, key=lambda face: -face.width * face.height)

    def detect_batch(self, images: Sequence[Image]) -> list[list[Face]]:
        """Find the faces of several pictures, one after another."""
        return [self.detect(image) for image in images]

    def _scales(self, height: int, width: int) -> list[float]:
        """Return the scales at which a picture of this size is seen."""
        scales = [min(1.0, _SMALLEST / self.min_face_size)]
        while _LARGEST_SHARE * min(height, width) * scales[-1] > _LARGEST:
            scales.append(scales[-1] / _STEP)
        return scales

    def _faces_at(self, octaves: Octaves, scale: float) -> _Cells:
        """Return the faces of a picture at one scale, in pixels of the picture itself."""
        level = _resized(octaves, scale)
        parts = [self._look(level, core) for core in _cores(*level.shape[:2])]
        cells = _Cells(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        boxes, landmarks, scores = _vote(cells)
        # The network's coordinates are of edges, as those of resizing are: a picture's width less
        # a point of its mirror image is that point.
        ratio = np.divide(octaves[0].shape[1::-1], level.shape[1::-1], dtype=np.float32)
        return _Cells(boxes * np.tile(ratio, 2), landmarks * ratio, scores)

    def _look(self, level: Image, core: tuple[int, int, int, int]) -> _Cells:
        """Return the cells that see a face in one part of a level: x1, y1, x2, y2."""
        x1, y1, x2, y2 = core
        left, top = max(x1 - _MARGIN, 0), max(y1 - _MARGIN, 0)
        part = level[top : y2 + _MARGIN, left : x2 + _MARGIN]
        high, wide = (-(-side // _ALIGNED) * _ALIGNED for side in part.shape[:2])
        planes = np.zeros((1, 3, high, wide), np.float32)
        planes[0, :, : part.shape[0], : part.shape[1]] = part.transpose(2, 0, 1)
        answers: Floats = self._network(planes)[0][0]
        # The mean of two probabilities reaches a score only if each reaches its square.
        least = math.log(_VOTING**2 / (1 - _VOTING**2))
        seen = np.flatnonzero((answers[0] > least) & (answers[1] > least))
        answers = answers[:, seen]
        x, y, stride = _places(high, wide)[:, seen]
        with np.errstate(over="ignore"):
            scores = 1 / np.sqrt((1 + np.exp(-answers[0])) * (1 + np.exp(-answers[1])))
            sides = np.exp(answers[4:6]) * stride / 2
        centres = np.stack([x, y]) + answers[2:4] * stride
        boxes = np.concatenate([centres - sides, centres + sides]).T
        points = answers[6:].reshape(5, 2, -1) * stride + np.stack([x, y])
        shift = np.array([left, top], np.float32)
        kept = (scores >= _VOTING) & (x >= x1 - left) & (y >= y1 - top)
        kept &= (x < x2 - left) & (y < y2 - top) & np.isfinite(boxes).all(axis=1)
        landmarks = points.transpose(2, 0, 1)
        return _Cells(
            (boxes + np.tile(shift, 2))[kept].astype(np.float32),
            (landmarks + shift)[kept].astype(np.float32),
            scores[kept].astype(np.float32),
        )


def _vote(cells: _Cells) -> _Cells:
    """Return the faces of a level: the best cell's score, and the mean of those that agree."""
    boxes, landmarks, scores = cells
    best = [i for i in suppress(boxes, scores, _LEVEL_OVERLAP) if scores[i] >= _RAW_SCORES[0]]
    found = [np.flatnonzero(_overlaps(boxes[i], boxes) >= _VOTING_OVERLAP) for i in best]
    return _Cells(
        _means(boxes, found, scores),
        _means(landmarks, found, scores),
        scores[best].astype(np.float32),
    )


def _means(values: Floats, groups: Sequence[npt.NDArray[np.intp]], weights: Floats) -> Floats:
    """Return the weighted mean of each group of rows."""
    means = [np.average(values[each], axis=0, weights=weights[each]) for each in groups]
    return np.array(means, np.float32).reshape(-1, *values.shape[1:])


def _overlaps(box: Floats, boxes: Floats) -> Floats:
    """Return the intersection over the union of a box with others (n, 4)."""
    shared = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    both = np.prod(np.maximum(shared, 0), axis=1)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    union = np.prod(box[2:] - box[:2]) + areas - both
    return np.asarray(both / np.maximum(union, 1e-6), np.float32)


def _as_probabilities(scores: Floats) -> npt.NDArray[np.float64]:
    """Return the network's scores on the scale of `FaceDetector`."""
    wanted = np.array(_SCORES)
    odds = np.exp(np.interp(scores, _RAW_SCORES, np.log(wanted / (1 - wanted))))
    return np.asarray(odds / (1 + odds), np.float64)


def _places(height: int, width: int) -> npt.NDArray[np.float32]:
    """Return the places of the cells of a picture: float32 (3, n), x, y and stride in pixels."""
    maps = []
    for stride in _STRIDES:
        y, x = np.mgrid[0:height:stride, 0:width:stride]
        maps.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)]))
    return np.concatenate(maps, axis=1).astype(np.float32)


def _resized(octaves: Octaves, scale: float) -> Image:
    """Return a picture at a scale up to 1: halved as often as possible, then sampled."""
    height, width = (max(1, round(side * scale)) for side in octaves[0].shape[:2])
    level = octaves[max(0, math.floor(math.log2(1 / scale) + 1e-9))]
    if level.shape[:2] == (height, width):
        return level
    return np.asarray(cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _cores(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the parts of a level of this size that are seen at a time: x1, y1, x2, y2."""
    whole = height * width <= _MAX_PIXELS
    rows, columns = (height, width) if whole else (_TILE, _TILE)
    for top in range(0, height, rows):
        for left in range(0, width, columns):
            yield left, top, min(left + columns, width), min(top + rows, height)
