"""The role of a face embedder, which one network and an ensemble of several fill alike."""

from __future__ import annotations

from typing import Protocol

from renzheng.faces.embedding import Embedded, Embedder
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network
from renzheng.types import Crops, Floats


class FaceEmbedder(Protocol):
    """Something that turns aligned crops into embeddings: an `Embedder` or an `Ensemble`.

    Attributes
    ----------
    size
        The width and height of the crops in pixels.
    dimension
        The length of an embedding.
    """

    size: int
    dimension: int

    @property
    def network(self) -> Network:
        """The network, or the first of several: all are computed by the same backend."""

    def embed(self, crops: Crops) -> Floats:
        """Embed crops, uint8 (n, size, size, 3) RGB, into float32 (n, dimension)."""

    def embed_with_lengths(self, crops: Crops) -> Embedded:
        """Embed crops, and keep the lengths from which the strength of a face is told."""


def load_embedder(
    pack: Pack,
    threads: int | None = None,
    *,
    backend: str | None = None,
    wait: bool = True,
) -> FaceEmbedder:
    """Load the embedder of a pack: an ensemble where the manifest lists members.

    Parameters
    ----------
    pack
        A pack of kind ``embedder``.
    threads, backend, wait
        As in `Network`.

    Raises
    ------
    PackError
        If the pack is of another kind, lacks a setting, or a network cannot be run.
    InvalidInput
        If a setting is out of its range, or the backend is unknown.
    """
    if "members" not in pack.manifest:
        return Embedder.from_pack(pack, threads, backend=backend, wait=wait)
    from renzheng.faces.ensemble import Ensemble  # not for those who use one network

    return Ensemble.from_pack(pack, threads, backend=backend, wait=wait)
