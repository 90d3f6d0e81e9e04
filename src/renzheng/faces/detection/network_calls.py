"""The calls of the three networks: many small ones side by side, with little memory for each.

P-Net looks at pyramids in strips, R-Net and O-Net look at candidate boxes in chunks. How the work
is divided changes no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from renzheng.faces.detection import pyramid
from renzheng.faces.detection.crops import Crops
from renzheng.models.runtime import Network
from renzheng.types import Floats, Image

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of one pyramid level in which P-Net sees a face.

    Attributes
    ----------
    boxes
        float32 (n, 4) xyxy, in pixels of the picture.
    log_odds
        float32 (n,): scores.
    offsets
        float32 (n, 4): the regression, in sides of the box.
    """

    boxes: Floats
    log_odds: Floats
    offsets: Floats


@dataclass(frozen=True, eq=False)
class CropNetwork:
    """R-Net or O-Net, with the crops that it looks at.

    Attributes
    ----------
    network
        The network.
    side
        Height and width of a crop, in pixels.
    width
        Numbers in the answer for one crop.
    chunk
        Crops per call, so few that the network's maps stay in a core's cache.
    """

    network: Network
    side: int
    width: int
    chunk: int


class NetworkCalls:
    """Asks the networks about pyramids and about boxes, with several calls at a time.

    Parameters
    ----------
    threads
        Number of calls at a time.
    resample, exact
        How pictures are scaled, as for `Detector`.
    """

    def __init__(self, threads: int, resample: pyramid.Resample, exact: bool):
        self._threads = threads
        self._workers = ThreadPoolExecutor(threads, "detector") if threads > 1 else None
        self._resample = resample
        self._exact = exact

    def sweep(
        self,
        pnet: Network,
        pictures: Sequence[pyramid.Octaves],
        scales: Sequence[Sequence[float]],
        min_log_odds: float,
    ) -> list[list[Windows]]:
        """Run P-Net over the pyramids of several pictures.

        Parameters
        ----------
        pnet
            The network.
        pictures
            The pictures.
        scales
            The levels of each picture's pyramid, the largest scale first.
        min_log_odds
            The score from which on a window is returned.

        Returns
        -------
        list of list of Windows
            For every picture, the windows of each level.
        """
        sizes = [each[0].shape[:2] for each in pictures]
        pixels = sum(
            height * width * scale**2
            for (height, width), at in zip(sizes, scales, strict=True)
            for scale in at
        )
        size = pyramid.strip_size(pixels, self._threads)
        shares = pyramid.shares(self._strips(pictures, scales, size), size)
        rows: list[list[list[Floats]]] = [[[] for _ in at] for at in scales]

        def look(share: list[pyramid.Strip]) -> list[tuple[tuple[int, int], Floats]]:
            return [(strip.level, _windows(pnet, strip, min_log_odds)) for strip in share]

        for answers in self._map(look, shares):
            for (picture, level), found in answers:
                rows[picture][level].append(found)
        return [
            [
                _in_picture(np.concatenate(parts), height, width, scale)
                for parts, scale in zip(levels, at, strict=True)
            ]
            for levels, (height, width), at in zip(rows, sizes, scales, strict=True)
        ]

    def judge(
        self, stage: CropNetwork, pictures: Sequence[pyramid.Octaves], boxes: Sequence[Floats]
    ) -> list[tuple[Floats, Floats]]:
        """Run R-Net or O-Net over the candidates of several pictures together.

        Parameters
        ----------
        stage
            The network.
        pictures
            The pictures.
        boxes
            float32 (n, 4) xyxy px: the candidates in each of them.

        Returns
        -------
        list of (boxes, answers)
            For every picture, the candidates that lie in it and the network's answers for them,
            float32 (m, `stage.width`).
        """
        visible, views = [], []
        for picture, candidates in zip(pictures, boxes, strict=True):
            inside, cut = Crops(picture, self._exact).cut(candidates)
            visible.append(inside)
            views += cut

        def look(chunk: Sequence[Image]) -> Floats:
            crops = np.stack([self._resample(view, stage.side, stage.side) for view in chunk])
            answers: Floats = stage.network(pyramid.planes(crops))[0]
            return answers

        count = min(stage.chunk, max(4, -(-len(views) // self._threads)))
        chunks = [views[begin : begin + count] for begin in range(0, len(views), count)]
        nothing = np.empty((0, stage.width), np.float32)
        answers = np.concatenate([nothing, *self._map(look, chunks)])
        ends = np.cumsum([len(candidates) for candidates in visible])
        return [
            (candidates, answers[end - len(candidates) : end])
            for candidates, end in zip(visible, ends, strict=True)
        ]

    def _strips(
        self, pictures: Sequence[pyramid.Octaves], scales: Sequence[Sequence[float]], size: int
    ) -> Iterator[pyramid.Strip]:
        for picture, (octaves, at) in enumerate(zip(pictures, scales, strict=True)):
            height, width = octaves[0].shape[:2]
            levels = pyramid.levels(octaves, at, self._resample, exact=self._exact)
            for number, (scale, level) in enumerate(zip(at, levels, strict=True)):
                border = pyramid.border_of_level(height, width, scale)
                yield from pyramid.strips((picture, number), pyramid.framed(level, border), size)

    def _map(self, function: Callable[[A], B], work: Iterable[A]) -> Iterable[B]:
        if self._workers is None:
            return map(function, work)
        # All work is handed out before the first answer is read, so that making the next level of
        # a pyramid and looking at the last one go on side by side.
        return self._workers.map(function, work)


def _windows(pnet: Network, strip: pyramid.Strip, min_log_odds: float) -> Floats:
    """Return float32 (n, 7): column and row in the level, log-odds and regression of windows."""
    answers = pnet(strip.planes)[0][0]
    rows, columns = np.nonzero(answers[0] >= min_log_odds)
    windows = np.empty((len(rows), 7), np.float32)
    windows[:, 0], windows[:, 1] = columns, rows + strip.row
    windows[:, 2:] = answers[:, rows, columns].T
    return windows


def _in_picture(windows: Floats, height: int, width: int, scale: float) -> Windows:
    """Return the windows of a level, (n, 7), in pixels of the picture, whose size is given."""
    border = pyramid.border_of_level(height, width, scale)
    corner = (windows[:, :2] - border // pyramid.STRIDE) * pyramid.STRIDE
    boxes = np.concatenate(
        [np.floor((corner + 1) / scale), np.floor((corner + pyramid.CELL) / scale)], axis=1
    )
    return Windows(boxes.astype(np.float32), windows[:, 2], windows[:, 3:])
