"""The three networks one after another.

P-Net looks at every 12 x 12 window of an image pyramid, R-Net sifts what it proposes, O-Net decides
and places the landmarks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from renzheng._support.cpu import cores
from renzheng.errors import InvalidInput
from renzheng.faces.detection import pyramid
from renzheng.faces.detection.boxes import regress, square, suppress
from renzheng.faces.detection.crops import Crops
from renzheng.models.runtime import Network
from renzheng.types import Face, Floats, Image

A = TypeVar("A")
B = TypeVar("B")

# Raise it with every change that moves boxes: embeddings that were kept before then count no more.
DETECTION_REVISION = 3

_LEVEL_OVERLAP, _OVERLAP = 0.5, 0.7  # of boxes of one level, and of all
# Candidates a call, so few that a network's maps stay in a core's cache: 16 take O-Net 12 ms where
# 64 at a time take 15.
_R_CHUNK, _O_CHUNK = 32, 16


class Detector:
    """Finds the faces in pictures. Safe to share between threads; repeats bit for bit.

    Parameters
    ----------
    pnet, rnet, onet
        The three networks, as `renzheng.models.converters.mtcnn` writes them.
    min_face_size
        The smallest face to look for, in pixels. Larger is faster.
    factor
        The step of the image pyramid, between 0 and 1.
    thresholds
        The least probability of a face after each network.
    threads
        How many calls of the networks run at a time; they should use one thread each.
    resample
        How pictures are scaled, but for what is sampled or halved; `pyramid.area` by default.
    exact
        Make all levels of the pyramid and all crops from the whole picture by `resample`. By
        default levels for faces below 36 px are sampled between pixels, later ones come from levels
        of four times their scale, and large crops from a smaller picture. That moves boxes by less
        than the ways of libraries to resample do.

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
        threads: int = 1,
        resample: pyramid.Resample = pyramid.area,
        exact: bool = False,
    ):
        if min_face_size < pyramid.CELL:
            raise InvalidInput(
                f"min_face_size must be {pyramid.CELL} px or more, not {min_face_size}"
            )
        if not 0 < factor < 1:
            raise InvalidInput(f"factor must lie between 0 and 1, not {factor}")
        if len(thresholds) != 3 or not all(0 < t < 1 for t in thresholds):
            raise InvalidInput(f"three thresholds between 0 and 1 are wanted, not {thresholds}")
        if threads < 1:
            raise InvalidInput(f"threads is at least 1, not {threads}")
        self._pnet, self._rnet, self._onet = pnet, rnet, onet
        self.min_face_size = min_face_size
        self._factor = factor
        # the networks answer with log-odds
        self._least = [math.log(t / (1 - t)) for t in thresholds]
        self._threads = threads
        self._workers = ThreadPoolExecutor(threads, "detector") if threads > 1 else None
        self._resample = resample
        self._exact = exact

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        backend: str | None = None,
        **parameters: Any,
    ) -> Detector:
        """A detector from a folder that holds ``pnet.onnx``, ``rnet.onnx`` and ``onet.onnx``.

        Parameters
        ----------
        folder
            Of a detection pack.
        threads
            By default one a core.
        backend
            What computes the networks, as for `Network`.
        parameters
            Of the constructor.
        """
        threads = cores() if threads is None else threads
        # Many small calls side by side, each in one thread, wait less than each in all threads.
        networks = (
            Network(folder / f"{name}net.onnx", 1, calls=threads, backend=backend) for name in "pro"
        )
        return cls(*networks, threads=threads, **parameters)

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
        octaves = [pyramid.Octaves(image) for image in images]
        boxes = [square(found) for found in self._propose(octaves)]
        crops = [Crops(each, self._exact) for each in octaves]
        boxes = [square(found) for found in self._refine(crops, boxes)]
        return self._decide(crops, boxes)

    def _propose(self, octaves: Sequence[pyramid.Octaves]) -> list[Floats]:
        """P-Net over the pyramids: candidate boxes (n, 4) of each picture."""
        sizes = [each[0].shape[:2] for each in octaves]
        scales = [
            pyramid.scales(height, width, self.min_face_size, self._factor)
            for height, width in sizes
        ]
        found: dict[tuple[int, int], list[Floats]] = {
            (picture, level): [] for picture, at in enumerate(scales) for level in range(len(at))
        }
        pixels = sum(
            height * width * scale**2
            for (height, width), at in zip(sizes, scales, strict=True)
            for scale in at
        )
        size = pyramid.strip_size(pixels, self._threads)
        shares = pyramid.shares(self._strips(octaves, scales, size), size)
        for share in self._each(self._windows, shares):
            for picture, level, rows in share:
                found[picture, level].append(rows)
        proposed = []
        for picture, at in enumerate(scales):
            boxes, scores = [np.empty((0, 8), np.float32)], [np.empty(0, np.float32)]
            for level, scale in enumerate(at):
                windows = np.concatenate(found[picture, level])
                height, width = sizes[picture]
                border = pyramid.border_of_level(height, width, scale)
                windows[:, :2] -= border // pyramid.STRIDE
                candidates, score = _candidates(windows, scale)
                boxes.append(candidates)
                scores.append(score)
            proposed.append(self._merge(np.concatenate(boxes), np.concatenate(scores), at))
        return proposed

    def _strips(
        self, octaves: Sequence[pyramid.Octaves], scales: Sequence[Sequence[float]], size: int
    ) -> Iterator[pyramid.Strip]:
        for picture, (each, at) in enumerate(zip(octaves, scales, strict=True)):
            height, width = each[0].shape[:2]
            made = pyramid.levels(each, at, self._resample, exact=self._exact)
            for number, (scale, level) in enumerate(zip(at, made, strict=True)):
                border = pyramid.border_of_level(height, width, scale)
                whole = pyramid.framed(level, border)
                yield from pyramid.strips((picture, number), whole, size)

    def _windows(self, share: list[pyramid.Strip]) -> list[tuple[int, int, Floats]]:
        """What P-Net takes for a face: rows of column, row, log-odds and regression."""
        answers = []
        for strip in share:
            found = self._pnet(strip.planes)[0][0]
            rows, columns = np.nonzero(found[0] >= self._least[0])
            windows = np.empty((len(rows), 7), np.float32)
            windows[:, 0], windows[:, 1] = columns, rows + strip.row
            windows[:, 2:] = found[:, rows, columns].T
            answers.append((*strip.level, windows))
        return answers

    def _merge(self, candidates: Floats, scores: Floats, at: Sequence[float]) -> Floats:
        if not _levels_are_apart(at, self._factor):
            candidates = candidates[suppress(candidates[:, :4], scores, _OVERLAP)]
        return regress(candidates[:, :4], candidates[:, 4:], extra=0.0)

    def _refine(self, crops: Sequence[Crops], boxes: list[Floats]) -> list[Floats]:
        """R-Net: fewer and better boxes."""
        refined = []
        looked = self._look(self._rnet, 24, _R_CHUNK, crops, boxes)
        for candidates, answers in looked:
            good = answers[:, 0] > self._least[1]
            candidates, answers = candidates[good], answers[good]
            keep = suppress(candidates, answers[:, 0], _OVERLAP)
            refined.append(regress(candidates[keep], answers[keep, 1:5]))
        return refined

    def _decide(self, crops: Sequence[Crops], boxes: list[Floats]) -> list[list[Face]]:
        """O-Net: the faces and their landmarks."""
        faces = []
        looked = self._look(self._onet, 48, _O_CHUNK, crops, boxes)
        for candidates, answers in looked:
            good = answers[:, 0] > self._least[2]
            candidates, answers = candidates[good], answers[good]
            sides = candidates[:, None, 2:] - candidates[:, None, :2] + 1
            places = answers[:, 5:].reshape(-1, 2, 5).transpose(0, 2, 1)
            landmarks = candidates[:, None, :2] + places * sides - 1
            final = regress(candidates, answers[:, 1:5])
            score = 1 / (1 + np.exp(-answers[:, 0]))
            keep = suppress(final, score, _OVERLAP, by_smaller=True)
            found = [Face(final[i], landmarks[i], float(score[i])) for i in keep]
            faces.append(sorted(found, key=lambda face: -face.width * face.height))
        return faces

    def _look(
        self,
        network: Network,
        side: int,
        chunk: int,
        crops: Sequence[Crops],
        boxes: list[Floats],
    ) -> list[tuple[Floats, Floats]]:
        """The candidates that lie in their picture, and a network's answers for them."""
        visible, views = [], []
        for picture, candidates in zip(crops, boxes, strict=True):
            inside, cut = picture.cut(candidates)
            visible.append(inside)
            views += cut

        def look(chunk: Sequence[Image]) -> Floats:
            pictures = np.stack([self._resample(view, side, side) for view in chunk])
            answers: Floats = network(pyramid.planes(pictures))[0]
            return answers

        chunk = min(chunk, max(4, -(-len(views) // self._threads)))
        chunks = [views[begin : begin + chunk] for begin in range(0, len(views), chunk)]
        width = 15 if network is self._onet else 5
        answers = np.concatenate([np.empty((0, width), np.float32), *self._each(look, chunks)])
        ends = np.cumsum([len(candidates) for candidates in visible])
        return [
            (candidates, answers[end - len(candidates) : end])
            for candidates, end in zip(visible, ends, strict=True)
        ]

    def _each(self, function: Callable[[A], B], work: Iterable[A]) -> Iterable[B]:
        if self._workers is None:
            return map(function, work)
        # All work is handed out before the first answer is read: making the next level of a pyramid
        # and looking at the last one go on side by side.
        return self._workers.map(function, work)


def _candidates(windows: Floats, scale: float) -> tuple[Floats, Floats]:
    """Boxes with their regression (n, 8) and scores (n,) of one level, the best of each cluster."""
    corner = windows[:, :2] * pyramid.STRIDE
    boxes = np.concatenate(
        [np.floor((corner + 1) / scale), np.floor((corner + pyramid.CELL) / scale)], axis=1
    )
    keep = suppress(boxes, windows[:, 2], _LEVEL_OVERLAP)
    rows: Floats = np.concatenate([boxes, windows[:, 3:]], axis=1)[keep].astype(np.float32)
    return rows, windows[keep, 2]


def _levels_are_apart(at: Sequence[float], factor: float) -> bool:
    """Whether boxes of two levels can never share as much as is suppressed.

    A box of a level is between s and s + 2 pixels wide, s = 11 / scale; two boxes share at most
    what the smaller covers of the larger.
    """
    return all(
        (side + 2) ** 2 <= _OVERLAP * (side / factor) ** 2
        for side in ((pyramid.CELL - 1) / scale for scale in at[:-1])
    )
