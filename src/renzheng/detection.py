"""MTCNN: a cascade of three networks finds faces and five landmarks (Zhang et al. 2016).

P-Net looks at every 12 x 12 window of an image pyramid, R-Net sifts what it proposes, O-Net
decides and places the landmarks. Boxes are x1, y1, x2, y2 in pixels; as in the authors' code a
box includes both its corner pixels, hence the ones that are added below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput
from renzheng.runtime import Network
from renzheng.types import Face, Floats, Image

Resample = Callable[[Image, int, int], npt.NDArray[Any]]  # picture, height, width -> picture

_CELL, _STRIDE = 12, 2  # P-Net's window and the step between windows, in pixels of a level
_CHUNK = 64  # candidates a call: keeps memory flat and costs no time


def area(image: Image, height: int, width: int) -> npt.NDArray[Any]:
    """Resample to a size, each new pixel the mean of what it covers."""
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def pyramid_scales(height: int, width: int, min_face_size: int, factor: float) -> list[float]:
    """The scales at which a face of `min_face_size` and all larger ones meet P-Net's window."""
    scale = _CELL / min_face_size
    scales = []
    while min(height, width) * scale >= _CELL:
        scales.append(scale)
        scale *= factor
    return scales


def suppress(
    boxes: npt.NDArray[Any], scores: npt.NDArray[Any], threshold: float, *, by_smaller: bool = False
) -> npt.NDArray[np.intp]:
    """Non-maximum suppression.

    Parameters
    ----------
    boxes
        (n, 4) xyxy.
    scores
        (n,)
    threshold
        A box that shares more than this with a better one is dropped, 0 to 1.
    by_smaller
        Divide what two boxes share by the smaller box and not by their union.

    Returns
    -------
    intp (m,)
        Indices of the boxes that stay, the best first; equal scores in the order given.
    """
    order = np.argsort(-np.asarray(scores), kind="stable")
    x1, y1, x2, y2 = np.asarray(boxes, np.float64)[order].T
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    alive = np.ones(len(order), bool)
    keep = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        keep.append(order[i])
        rest = np.flatnonzero(alive[i + 1 :]) + i + 1
        width = np.minimum(x2[i], x2[rest]) - np.maximum(x1[i], x1[rest]) + 1
        height = np.minimum(y2[i], y2[rest]) - np.maximum(y1[i], y1[rest]) + 1
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        smaller = np.minimum(areas[i], areas[rest])
        base = smaller if by_smaller else areas[i] + areas[rest] - shared
        alive[rest[shared > threshold * base]] = False
    return np.array(keep, np.intp)


def square(boxes: Floats) -> Floats:
    """Boxes (n, 4) grown to squares about their centres."""
    sides = boxes[:, 2:] - boxes[:, :2]
    side = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + sides / 2 - side / 2
    return np.concatenate([corner, corner + side], axis=1)


def regress(boxes: Floats, offsets: Floats, extra: float = 1.0) -> Floats:
    """Boxes (n, 4) moved by offsets (n, 4) in units of their sides."""
    sides = boxes[:, 2:] - boxes[:, :2] + extra
    moved: Floats = boxes + offsets * np.concatenate([sides, sides], axis=1)
    return moved


class Detector:
    """Finds the faces in pictures. Safe to share between threads; repeats bit for bit.

    Parameters
    ----------
    pnet, rnet, onet
        The three networks, as `renzheng.packs.mtcnn_source` writes them.
    min_face_size
        The smallest face to look for, in pixels. Larger is faster.
    factor
        The step of the image pyramid, between 0 and 1.
    thresholds
        The least probability of a face after each network.
    resample
        How pictures are scaled; cv2's area by default.

    Raises
    ------
    InvalidInput
        If a parameter is out of its range.
    """

    def __init__(
        self,
        pnet: Network,
        rnet: Network,
        onet: Network,
        *,
        min_face_size: int = 20,
        factor: float = 0.709,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        resample: Resample = area,
    ):
        if min_face_size < _CELL:
            raise InvalidInput(f"min_face_size must be {_CELL} px or more, not {min_face_size}")
        if not 0 < factor < 1:
            raise InvalidInput(f"factor must lie between 0 and 1, not {factor}")
        if len(thresholds) != 3 or not all(0 < t < 1 for t in thresholds):
            raise InvalidInput(f"three thresholds between 0 and 1 are wanted, not {thresholds}")
        self._pnet, self._rnet, self._onet = pnet, rnet, onet
        self.min_face_size = min_face_size
        self._factor = factor
        self._thresholds = thresholds
        self._resample = resample

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        backend: str | None = None,
        **parameters: Any,
    ) -> Detector:
        """A detector from a folder that holds ``pnet.onnx``, ``rnet.onnx`` and ``onet.onnx``."""
        networks = (Network(folder / f"{name}net.onnx", threads, backend=backend) for name in "pro")
        return cls(*networks, **parameters)

    def detect(self, image: Image) -> list[Face]:
        """All faces of one picture, the largest first.

        Parameters
        ----------
        image
            uint8 (H, W, 3) RGB, upright.

        Returns
        -------
        list of Face
            Empty where there is none.
        """
        return self.detect_batch([image])[0]

    def detect_batch(self, images: Sequence[Image]) -> list[list[Face]]:
        """All faces of several pictures: R-Net and O-Net see the candidates of all together.

        The answer for a picture is the same as from `detect`.

        Raises
        ------
        InvalidInput
            If a picture is not uint8 (H, W, 3).
        """
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise InvalidInput(
                    f"a picture must be uint8 (H, W, 3), not {image.dtype} {image.shape}"
                )
        boxes = [square(self._propose(image)) for image in images]
        boxes = [square(found) for found in self._refine(images, boxes)]
        return self._decide(images, boxes)

    def _propose(self, image: Image) -> Floats:
        """P-Net over the pyramid: candidate boxes (n, 4)."""
        height, width = image.shape[:2]
        found, scores = [np.empty((0, 8), np.float32)], [np.empty(0, np.float32)]
        for scale in pyramid_scales(height, width, self.min_face_size, self._factor):
            level = self._resample(image, int(height * scale + 1), int(width * scale + 1))
            probability, offsets = self._pnet(_planes(level[None]))
            rows, columns = np.nonzero(probability[0] >= self._thresholds[0])
            corner = np.stack([columns, rows], axis=1) * _STRIDE
            boxes = np.concatenate(
                [np.floor((corner + 1) / scale), np.floor((corner + _CELL) / scale)], axis=1
            )
            score = probability[0, rows, columns]
            keep = suppress(boxes, score, 0.5)
            cells = offsets[0][:, rows, columns].T
            found.append(np.concatenate([boxes, cells], axis=1)[keep].astype(np.float32))
            scores.append(score[keep])
        candidates = np.concatenate(found)
        candidates = candidates[suppress(candidates[:, :4], np.concatenate(scores), 0.7)]
        return regress(candidates[:, :4], candidates[:, 4:], extra=0.0)

    def _refine(self, images: Sequence[Image], boxes: list[Floats]) -> list[Floats]:
        """R-Net: fewer and better boxes."""
        refined = []
        for candidates, (score, offsets) in self._look(self._rnet, 24, images, boxes):
            good = score > self._thresholds[1]
            candidates, offsets = candidates[good], offsets[good]
            keep = suppress(candidates, score[good], 0.7)
            refined.append(regress(candidates[keep], offsets[keep]))
        return refined

    def _decide(self, images: Sequence[Image], boxes: list[Floats]) -> list[list[Face]]:
        """O-Net: the faces and their landmarks."""
        faces = []
        for candidates, (score, offsets, points) in self._look(self._onet, 48, images, boxes):
            good = score > self._thresholds[2]
            candidates, score, points = candidates[good], score[good], points[good]
            sides = candidates[:, None, 2:] - candidates[:, None, :2] + 1
            places = points.reshape(-1, 2, 5).transpose(0, 2, 1)
            landmarks = candidates[:, None, :2] + places * sides - 1
            final = regress(candidates, offsets[good])
            keep = suppress(final, score, 0.7, by_smaller=True)
            found = [Face(final[i], landmarks[i], float(score[i])) for i in keep]
            faces.append(sorted(found, key=lambda face: -face.width * face.height))
        return faces

    def _look(
        self, network: Network, side: int, images: Sequence[Image], boxes: list[Floats]
    ) -> list[tuple[Floats, list[Floats]]]:
        """The candidates that lie in their picture, and a network's outputs for them."""
        visible, crops = [], []
        for image, candidates in zip(images, boxes, strict=True):
            cut = [_cut(image, box) for box in candidates]
            inside = [i for i, part in enumerate(cut) if part.size]
            visible.append(candidates[inside])
            crops += [self._resample(cut[i], side, side) for i in inside]
        chunks = [
            network(_planes(np.stack(crops[begin : begin + _CHUNK])))
            for begin in range(0, max(len(crops), 1), _CHUNK)
            if crops
        ]
        ends = np.cumsum([len(candidates) for candidates in visible])
        answers = []
        for candidates, end in zip(visible, ends, strict=True):
            if len(candidates):
                rows = slice(end - len(candidates), end)
                outputs = [np.concatenate(parts)[rows] for parts in zip(*chunks, strict=True)]
                answers.append((candidates, outputs))
            else:
                nothing = np.empty((0, 10), np.float32)
                answers.append((candidates, [nothing[:, 0], nothing[:, :4], nothing]))
        return [(c, o[: 3 if network is self._onet else 2]) for c, o in answers]


def _planes(pictures: npt.NDArray[Any]) -> Floats:
    """(n, H, W, 3) to float32 (n, 3, H, W)."""
    return pictures.transpose(0, 3, 1, 2).astype(np.float32, order="C")


def _cut(image: Image, box: Floats) -> Image:
    """What a box holds of the picture; a box over the edge is cut off there, as in training."""
    x1, y1, x2, y2 = (int(v) for v in np.trunc(box))
    return image[max(y1, 1) - 1 : max(y2, 0), max(x1, 1) - 1 : max(x2, 0)]
