"""Features of whole pictures from a network without its classifier: the widest sense of likeness.

The distance between two pictures is the Euclidean distance between their features, scaled to unit
length: 0 to 2, or to 1.41 if no feature is negative. Distances of different packs are not
comparable, and without a threshold that was measured for the pack a distance decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from renzheng.errors import PackError
from renzheng.images.pixels import check_rgb
from renzheng.images.similarity.frames import unframed
from renzheng.models import packs
from renzheng.models.preprocessing import Preprocessing
from renzheng.models.runtime import Network
from renzheng.types import Floats, Image

DEFAULT_FEATURES = "dlib-features"

_BATCH = 16  # pictures, mirror images not counted


class Features:
    """An extractor of features from whole pictures, with a pack of kind ``features``.

    Parameters
    ----------
    pack
        A name, a folder, or a loaded `Pack`.
    threads
        Threads per network call; by default the runtime decides.
    backend
        The library that runs the network, as for `renzheng.models.runtime.Network`.

    Attributes
    ----------
    pack
        The pack.
    dimension
        The number of features of a picture.
    threshold
        The maximum distance of look-alikes; None if none was measured.
    measured_on
        A description of the pictures that the threshold was measured on; empty if unknown.
    network
        A description of the network and the layer that give the features.

    Raises
    ------
    PackError
        If the pack is missing, damaged, of another kind or contradicts itself.
    InvalidInput
        If there is no such backend, or it is not installed.
    """

    def __init__(
        self,
        pack: packs.Named = DEFAULT_FEATURES,
        threads: int | None = None,
        *,
        backend: str | None = None,
    ):
        self.pack = packs.of_kind("features", pack)
        try:
            self._size = int(self.pack.setting("input", "size"))
            self._preprocess = Preprocessing(
                self.pack.setting("input", "channels"),
                self.pack.setting("input", "mean"),
                self.pack.setting("input", "scale"),
            )
            self.dimension = int(self.pack.setting("features", "dimension"))
            self._mirror = bool(self.pack.setting("features", "mirror_average"))
            self._step = _BATCH if self.pack.setting("features", "batches") else 1
            section = self.pack.manifest["features"]
            self.network = f"{section['network']}; {section['layer']}"
            threshold = section.get("threshold")
            self.threshold = None if threshold is None else float(threshold)
            self.measured_on = str(section.get("measured_on", ""))
            if self._size < 1 or self.dimension < 1:
                raise ValueError("size and dimension must be at least 1")
            if self.threshold is not None and not 0 < self.threshold < 2:
                raise ValueError(f"the threshold must lie between 0 and 2, not at {self.threshold}")
        except (KeyError, TypeError, ValueError) as error:
            raise PackError(
                f"the manifest does not describe a pack of features: {error}",
                source=str(self.pack.folder),
            ) from error
        self._network = Network(
            self.pack.file(self.pack.setting("input", "file")), threads, backend=backend
        )

    def describe(self, images: Sequence[Image]) -> Floats:
        """Return the features of pictures.

        Parameters
        ----------
        images
            Pictures, uint8 (H, W, 3) RGB of any size. A uniform frame is cut off, and the rest is
            scaled as a whole to the network's square.

        Returns
        -------
        float32 (n, d)
            A row of unit length for each picture.

        Raises
        ------
        InvalidInput
            If one is no such picture.
        PackError
            If the network returns something else than its manifest says, or only zeros.
        """
        rows = np.empty((len(images), self.dimension), np.float32)
        for start in range(0, len(images), self._step):
            part = images[start : start + self._step]
            squares = np.stack([self._square(image) for image in part])
            raw = self._run(squares)
            if self._mirror:
                raw = (raw + self._run(squares[:, :, ::-1])) * np.float32(0.5)
            lengths = np.linalg.norm(raw.astype(np.float64), axis=1, keepdims=True)
            if not (lengths > 0).all() or not np.isfinite(lengths).all():
                raise PackError("the network returns features that have no direction")
            rows[start : start + len(part)] = raw / lengths
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Return the identity of the features, as plain values for JSON."""
        return {
            "name": self.pack.name,
            "version": self.pack.version,
            "digest": self.pack.digest,
            "dimension": self.dimension,
            "network": self.network,
            "measured_on": self.measured_on,
        }

    def _square(self, image: Image) -> Image:
        check_rgb(image)
        top, bottom, left, right = unframed(image)
        inner = np.ascontiguousarray(image[top:bottom, left:right])
        shrinks = min(inner.shape[:2]) > self._size
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        square = cv2.resize(inner, (self._size, self._size), interpolation=interpolation)
        return np.asarray(square, np.uint8)

    def _run(self, squares: Image) -> Floats:
        try:
            outputs = self._network(np.ascontiguousarray(self._preprocess(squares)))
        except Exception as error:  # the runtimes' exceptions have no common base class
            reason = str(error).splitlines()[0]
            raise PackError(f"the network does not run: {reason}", source=self.pack.name) from error
        if not outputs or outputs[0].shape != (len(squares), self.dimension):
            raise PackError(
                f"the network does not return {self.dimension} features", source=self.pack.name
            )
        return np.asarray(outputs[0], np.float32)
