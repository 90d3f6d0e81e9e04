"""Aligned crops to embeddings, by any network that takes crops."""

from __future__ import annotations

import copy
import math

import numpy as np

from renzheng.errors import InvalidInput, PackError
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network
from renzheng.types import Crops, Floats


class Embedder:
    """Turns aligned crops into embeddings.

    Parameters
    ----------
    network
        Takes float32 (n, 3, size, size) and returns float32 (n, dimension) as its first output.
    size
        The crops' side in pixels.
    mean
        What is subtracted from each channel, in the network's channel order; one number or three.
    scale
        What the difference is multiplied by.
    dimension
        The length of an embedding.
    channels
        The network's channel order, ``RGB`` or ``BGR``. Crops are always RGB.
    mirror_average
        Whether to average a crop's embedding with its mirror image's, at twice the cost.
    normalise
        Whether embeddings are brought to unit length.
    batch_size
        The most pictures, mirror images included, that the network gets at once. More are no
        faster once a call fills the cores, and slower where their layers no longer fit the cache.

    Notes
    -----
    The average is taken over the network's own outputs and normalised afterwards; normalising
    before as well made no difference on LFW View 1.
    A crop's embedding does not depend on the crops beside it, as far as the network's does not;
    SFace's and dlib's, as their packs have them, give the same bits in every batch.
    """

    def __init__(
        self,
        network: Network,
        *,
        size: int,
        mean: tuple[float, ...],
        scale: float,
        dimension: int,
        channels: str = "RGB",
        mirror_average: bool = True,
        normalise: bool = True,
        batch_size: int = 8,
    ):
        if size < 1 or dimension < 1 or batch_size < 1:
            raise InvalidInput("size, dimension and batch_size are at least 1")
        if channels not in ("RGB", "BGR"):
            raise InvalidInput(f"channels is RGB or BGR, not {channels!r}")
        if len(mean) not in (1, 3) or not all(map(math.isfinite, (*mean, scale))) or scale == 0:
            raise InvalidInput("mean is one or three finite numbers, scale is finite and not 0")
        self.size = size
        self.dimension = dimension
        self.network = network
        self._mean = np.array(mean, np.float32)
        self._scale = np.float32(scale)
        self._reverse = channels == "BGR"
        self._mirror = mirror_average
        self._normalise = normalise
        self._step = max(1, batch_size // 2) if mirror_average else batch_size

    @classmethod
    def from_pack(
        cls,
        pack: Pack,
        threads: int | None = None,
        *,
        backend: str | None = None,
        wait: bool = True,
    ) -> Embedder:
        """The embedder that a pack describes.

        Parameters
        ----------
        pack
            Of kind ``embedder``.
        threads, backend, wait
            As of `Network`.

        Raises
        ------
        PackError
            If the pack is of another kind, lacks a setting, or its network cannot be run.
        InvalidInput
            If a setting is out of its range, or there is no such backend.
        """
        pack.require("embedder")
        read = pack.setting
        return cls(
            Network(pack.file(read("input", "file")), threads, backend=backend, wait=wait),
            size=read("input", "size"),
            mean=tuple(read("input", "mean")),
            scale=read("input", "scale"),
            channels=read("input", "channels"),
            dimension=read("embedding", "dimension"),
            normalise=read("embedding", "normalise"),
            mirror_average=read("embedding", "mirror_average"),
            **({"batch_size": read("input", "batch")} if "batch" in pack.manifest["input"] else {}),
        )

    def embed(self, crops: Crops) -> Floats:
        """Embed aligned crops.

        Parameters
        ----------
        crops
            uint8 (n, size, size, 3) RGB; n may be 0.

        Returns
        -------
        Floats
            float32 (n, dimension); rows of unit length if the embedder normalises.

        Raises
        ------
        InvalidInput
            If the crops have another shape or type.
        PackError
            If the network's output is not what the embedder was told.
        """
        wanted = (self.size, self.size, 3)
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != wanted:
            raise InvalidInput(
                f"crops are uint8 (n, {self.size}, {self.size}, 3), not {crops.dtype} {crops.shape}"
            )
        embeddings = np.empty((len(crops), self.dimension), np.float32)
        for start in range(0, len(crops), self._step):
            part = slice(start, start + self._step)
            embeddings[part] = self._embed(crops[part])
        return embeddings

    def with_network(self, network: Network) -> Embedder:
        """This embedder with another network, which takes and gives the same."""
        other = copy.copy(self)
        other.network = network
        return other

    def prepare(self, crops: Crops) -> Floats:
        """What the network is given.

        Parameters
        ----------
        crops
            uint8 (n, size, size, 3) RGB.

        Returns
        -------
        Floats
            float32 (n, 3, size, size); the n mirror images follow if the embedder averages them.
        """
        pictures = (crops[..., ::-1] if self._reverse else crops).astype(np.float32)
        batch = ((pictures - self._mean) * self._scale).transpose(0, 3, 1, 2)
        if self._mirror:
            batch = np.concatenate([batch, batch[..., ::-1]])
        prepared: Floats = np.ascontiguousarray(batch)
        return prepared

    def _embed(self, crops: Crops) -> Floats:
        batch = self.prepare(crops)
        outputs = self.network(batch)
        if not outputs or outputs[0].shape != (len(batch), self.dimension):
            raise PackError(f"the network does not give embeddings of {self.dimension} numbers")
        raw: Floats = outputs[0].astype(np.float32, copy=False)
        if self._mirror:
            raw = (raw[: len(crops)] + raw[len(crops) :]) * np.float32(0.5)
        if not self._normalise:
            return raw
        lengths = np.sqrt(np.square(raw, dtype=np.float64).sum(axis=1, keepdims=True))
        if not (lengths > 0).all() or not np.isfinite(lengths).all():
            raise PackError("the network gives an embedding without direction")
        units: Floats = (raw / lengths).astype(np.float32)
        return units
