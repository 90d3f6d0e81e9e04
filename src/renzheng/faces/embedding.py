"""Embedding of aligned crops by a network."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput, PackError
from renzheng.models.packs import Pack
from renzheng.models.preprocessing import Preprocessing
from renzheng.models.runtime import Network, batch_size
from renzheng.types import Crops, Floats


class Embedded(NamedTuple):
    """Embeddings with their lengths.

    Attributes
    ----------
    embeddings
        float32 (n, dimension); rows of unit length if the embedder normalises.
    lengths
        float64 (n,): the lengths of the rows before they were normalised. A face that has lost
        what tells people apart gives a short one (MagFace, Meng et al. 2021).
    """

    embeddings: Floats
    lengths: npt.NDArray[np.float64]


class Embedder:
    """Turns aligned crops into embeddings.

    Parameters
    ----------
    network
        A network that takes float32 (n, 3, size, size) and returns float32 (n, dimension) as its
        first output.
    size
        The width and height of the crops in pixels.
    mean
        The value subtracted from each channel, in the network's channel order; one number or three.
    scale
        The factor that the difference is multiplied by; one number or three.
    dimension
        The length of an embedding.
    channels
        The network's channel order, ``RGB`` or ``BGR``; crops are always RGB.
    mirror_average
        Whether to average a crop's embedding with its mirror image's, at twice the cost.
    normalise
        Whether embeddings are scaled to unit length.
    batch_size
        The largest number of crops, mirror images included, in one call of the network. More are
        no faster once a call fills the cores, and slower where their layers no longer fit the
        cache.
    fixed_batch
        The only number of pictures that the network takes in one call, where its file has it built
        in; None if it takes any.

    Notes
    -----
    The average is taken over the network's own outputs and normalised afterwards; normalising
    before as well made no difference on LFW View 1.
    A crop's embedding does not depend on the rest of its batch unless the network makes it so;
    SFace and dlib, as their packs hold them, give the same bits in every batch.
    """

    def __init__(
        self,
        network: Network,
        *,
        size: int,
        mean: tuple[float, ...],
        scale: float | Sequence[float],
        dimension: int,
        channels: str = "RGB",
        mirror_average: bool = True,
        normalise: bool = True,
        batch_size: int = 8,
        fixed_batch: int | None = None,
    ):
        if size < 1 or dimension < 1 or batch_size < 1 or (fixed_batch or 1) < 1:
            raise InvalidInput("size, dimension and batch sizes must be at least 1")
        self.size = size
        self.dimension = dimension
        self.network = network
        self._preprocess = Preprocessing(
            channels, mean, scale if isinstance(scale, Sequence) else (scale,)
        )
        self._mirror = mirror_average
        self._normalise = normalise
        self._fixed_batch = fixed_batch
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
        """Load the embedder that a pack describes.

        Parameters
        ----------
        pack
            A pack of kind ``embedder``.
        threads, backend, wait
            As in `Network`.

        Raises
        ------
        PackError
            If the pack is of another kind, lacks a setting, or its network cannot be run.
        InvalidInput
            If a setting is out of its range, or the backend is unknown.
        """
        pack.require("embedder")
        read = pack.setting
        network = Network(pack.file(read("input", "file")), threads, backend=backend, wait=wait)
        return cls(
            network,
            size=read("input", "size"),
            mean=tuple(read("input", "mean")),
            scale=read("input", "scale"),
            channels=read("input", "channels"),
            dimension=read("embedding", "dimension"),
            normalise=read("embedding", "normalise"),
            mirror_average=read("embedding", "mirror_average"),
            fixed_batch=pack.manifest["input"].get("fixed_batch"),
            **_batch_size(pack, network),
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
        InvalidInput, PackError
            As in `embed_with_lengths`.
        """
        return self.embed_with_lengths(crops).embeddings

    def embed_with_lengths(self, crops: Crops) -> Embedded:
        """Embed aligned crops, and keep the lengths of their embeddings.

        Parameters
        ----------
        crops
            As in `embed`.

        Raises
        ------
        InvalidInput
            If the crops have another shape or type.
        PackError
            If the network's output has another shape or no direction.
        """
        check_crops(crops, self.size)
        embeddings = np.empty((len(crops), self.dimension), np.float32)
        lengths = np.empty(len(crops), np.float64)
        for start in range(0, len(crops), self._step):
            part = slice(start, start + self._step)
            embeddings[part], lengths[part] = self._embed(crops[part])
        return Embedded(embeddings, lengths)

    def with_network(self, network: Network) -> Embedder:
        """Return this embedder with another network of the same inputs and outputs."""
        other = copy.copy(self)
        other.network = network
        return other

    def prepare(self, crops: Crops) -> Floats:
        """Return the network's input for crops.

        Parameters
        ----------
        crops
            uint8 (n, size, size, 3) RGB.

        Returns
        -------
        Floats
            float32 (n, 3, size, size); the n mirror images follow if the embedder averages them.
        """
        batch = self._preprocess(crops)
        if self._mirror:
            batch = np.concatenate([batch, batch[..., ::-1]])
        prepared: Floats = np.ascontiguousarray(batch)
        return prepared

    def _embed(self, crops: Crops) -> Embedded:
        batch = self.prepare(crops)
        raw = self._run(batch)
        if self._mirror:
            raw = (raw[: len(crops)] + raw[len(crops) :]) * np.float32(0.5)
        lengths = np.sqrt(np.square(raw, dtype=np.float64).sum(axis=1))
        if not self._normalise:
            return Embedded(raw, lengths)
        if not (lengths > 0).all() or not np.isfinite(lengths).all():
            raise PackError("the network returns an embedding without direction")
        return Embedded((raw / lengths[:, None]).astype(np.float32), lengths)

    def _run(self, batch: Floats) -> Floats:
        """Return the network's embeddings of prepared crops, in calls of the size that it takes."""
        count = self._fixed_batch
        if count is not None and len(batch) != count:
            # The last call is filled up with what is there; its surplus rows are dropped.
            calls = (np.resize(batch[i : i + count], (count, *batch.shape[1:]))
                     for i in range(0, len(batch), count))  # fmt: skip
            return np.concatenate([self._run(call) for call in calls])[: len(batch)]
        outputs = self.network(batch)
        if not outputs or outputs[0].shape != (len(batch), self.dimension):
            raise PackError(f"the network does not return embeddings of {self.dimension} numbers")
        raw: Floats = outputs[0].astype(np.float32, copy=False)
        return raw


def check_crops(crops: Crops, size: int) -> None:
    """Make sure that an embedder of crops of this size can take these.

    Raises
    ------
    InvalidInput
        If they are not uint8 (n, size, size, 3).
    """
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != (size, size, 3):
        raise InvalidInput(
            f"crops must be uint8 (n, {size}, {size}, 3), not {crops.dtype} {crops.shape}"
        )


def _batch_size(pack: Pack, network: Network) -> dict[str, int]:
    """Return the batch size that fills an accelerator, or else the pack's own, if it has one."""
    filling = batch_size(network.backend)
    if filling is not None:
        return {"batch_size": filling}
    own = pack.manifest["input"].get("batch")
    return {} if own is None else {"batch_size": int(own)}
