"""MTCNN's cascade (Zhang et al. 2016): three networks, one after another.

P-Net looks at every 12 x 12 window of an image pyramid, R-Net sifts what it proposes, O-Net decides
and places the landmarks. ``tests/reference_mtcnn.py`` is the same cascade at its plainest, one
picture at a time in torch, which the tests hold this one against.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import starmap
from pathlib import Path
from typing import Any

import numpy as np

from renzheng._support.cpu import cores
from renzheng.errors import InvalidInput
from renzheng.faces.detection import pyramid
from renzheng.faces.detection.boxes import regress, square, suppress
from renzheng.faces.detection.interface import check_pictures
from renzheng.faces.detection.network_calls import CropNetwork, NetworkCalls, Windows
from renzheng.models.runtime import Network, detection_backend
from renzheng.types import Face, Floats, Image

# Raise it with every change that moves boxes: embeddings that were kept before then count no more.
DETECTION_REVISION = 3

_LEVEL_OVERLAP, _OVERLAP = 0.5, 0.7  # above, boxes of one level, and of all levels, are suppressed
# Candidates per call: 16 take O-Net 12 ms where 64 at a time take 15.
_R_CHUNK, _O_CHUNK = 32, 16


class Detector:
    """MTCNN as a `FaceDetector`. Safe to share between threads; repeats bit for bit.

    Parameters
    ----------
    pnet, rnet, onet
        The three networks, as `renzheng.models.converters.mtcnn` writes them.
    min_face_size
        The smallest face to look for, in pixels. Larger is faster.
    factor
        The step of the image pyramid, between 0 and 1.
    thresholds
        The minimum probability of a face after each network.
    threads
        The number of network calls at a time; the networks should use one thread each.
    resample
        How pictures are scaled where they are not sampled or halved; `pyramid.area` by default.
    exact
        Make all levels of the pyramid and all crops from the whole picture by `resample`. By
        default levels for faces below 36 px are sampled between pixels, later ones come from levels
        of four times their scale, and large crops from a smaller picture. That moves boxes by less
        than the resampling methods of different libraries do.

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
            raise InvalidInput(f"thresholds must be three numbers in (0, 1), not {thresholds}")
        if threads < 1:
            raise InvalidInput(f"threads must be at least 1, not {threads}")
        self._pnet = pnet
        self._rnet = CropNetwork(rnet, side=24, width=5, chunk=_R_CHUNK)
        self._onet = CropNetwork(onet, side=48, width=15, chunk=_O_CHUNK)
        self.min_face_size = min_face_size
        self._factor = factor
        # The networks answer with log-odds.
        self._min_log_odds = [math.log(t / (1 - t)) for t in thresholds]
        self._calls = NetworkCalls(threads, resample, exact)

    @classmethod
    def from_folder(
        cls,
        folder: Path,
        *,
        threads: int | None = None,
        backend: str | None = None,
        **parameters: Any,
    ) -> Detector:
        """Load a detector from a folder with ``pnet.onnx``, ``rnet.onnx`` and ``onet.onnx``.

        Parameters
        ----------
        folder
            The folder of a detection pack.
        threads
            By default the number of cores.
        backend
            As for `Network`; with an accelerator they stay on the processor, see
            `renzheng.models.runtime.detection_backend`.
        parameters
            Parameters of the constructor.
        """
        threads = cores() if threads is None else threads
        on = detection_backend(backend)
        # Many small calls side by side, each in one thread, wait less than each in all threads.
        networks = (
            Network(folder / f"{name}net.onnx", 1, calls=threads, backend=on) for name in "pro"
        )
        return cls(*networks, threads=threads, **parameters)

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
        """
        return self.detect_batch([image])[0]

    def detect_batch(self, images: Sequence[Image]) -> list[list[Face]]:
        """Find the faces of several pictures, whose candidates R-Net and O-Net see together.

        The answer for a picture is the same as from `detect`.

        Raises
        ------
        InvalidInput
            If a picture is not uint8 (H, W, 3).
        """
        check_pictures(images)
        pictures = [pyramid.Octaves(image) for image in images]
        scales = [
            pyramid.scales(height, width, self.min_face_size, self._factor)
            for height, width in (image.shape[:2] for image in images)
        ]
        levels = self._calls.sweep(self._pnet, pictures, scales, self._min_log_odds[0])
        boxes = list(map(self._proposed, levels, scales))
        boxes = list(starmap(self._refined, self._calls.judge(self._rnet, pictures, boxes)))
        return list(starmap(self._decided, self._calls.judge(self._onet, pictures, boxes)))

    def _proposed(self, levels: Sequence[Windows], scales: Sequence[float]) -> Floats:
        """Return the candidates (n, 4) of one picture from P-Net's windows of each level."""
        kept = []
        for level in levels:
            keep = suppress(level.boxes, level.log_odds, _LEVEL_OVERLAP)
            kept.append(np.column_stack([level.boxes, level.log_odds, level.offsets])[keep])
        found = np.concatenate([np.empty((0, 9), np.float32), *kept])
        if not _levels_are_apart(scales, self._factor):
            found = found[suppress(found[:, :4], found[:, 4], _OVERLAP)]
        return square(regress(found[:, :4], found[:, 5:], extra=0.0))

    def _refined(self, boxes: Floats, answers: Floats) -> Floats:
        """Return fewer and better candidates (n, 4) by R-Net's answers (n, 5)."""
        scores = answers[:, 0]
        good = scores > self._min_log_odds[1]
        boxes, scores, offsets = boxes[good], scores[good], answers[good, 1:]
        keep = suppress(boxes, scores, _OVERLAP)
        return square(regress(boxes[keep], offsets[keep]))

    def _decided(self, boxes: Floats, answers: Floats) -> list[Face]:
        """Return the faces of one picture by O-Net's answers (n, 15), the largest first."""
        good = answers[:, 0] > self._min_log_odds[2]
        boxes, answers = boxes[good], answers[good]
        scores = 1 / (1 + np.exp(-answers[:, 0]))
        sides = boxes[:, None, 2:] - boxes[:, None, :2] + 1
        places = answers[:, 5:].reshape(-1, 2, 5).transpose(0, 2, 1)
        landmarks = boxes[:, None, :2] + places * sides - 1
        boxes = regress(boxes, answers[:, 1:5])
        keep = suppress(boxes, scores, _OVERLAP, by_smaller=True)
        faces = [Face(boxes[i], landmarks[i], float(scores[i])) for i in keep]
        return sorted(faces, key=lambda face: -face.width * face.height)


def _levels_are_apart(scales: Sequence[float], factor: float) -> bool:
    """Return whether boxes of two levels can never share as much as is suppressed.

    A box of a level is between s and s + 2 pixels wide, s = 11 / scale; two boxes share at most
    what the smaller covers of the larger.
    """
    return all(
        (side + 2) ** 2 <= _OVERLAP * (side / factor) ** 2
        for side in ((pyramid.CELL - 1) / scale for scale in scales[:-1])
    )
