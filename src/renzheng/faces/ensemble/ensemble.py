"""The embedder of several networks at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from renzheng.errors import InvalidInput, PackError
from renzheng.faces.alignment import AlignmentTemplate
from renzheng.faces.embedding import Embedded, Embedder, check_crops
from renzheng.faces.ensemble.common_crop import CommonCrop
from renzheng.faces.pack_template import member_packs, template_of
from renzheng.models.packs import Pack
from renzheng.models.runtime import Network
from renzheng.types import Crops, Floats


@dataclass(frozen=True, eq=False)
class Member:
    """One network of an ensemble.

    Attributes
    ----------
    embedder
        The network, whose embeddings are of unit length.
    template
        The template of its own crops.
    weight
        The factor of its embeddings, above 0; squared, its share of the squared distance.
    """

    embedder: Embedder
    template: AlignmentTemplate
    weight: float


class Ensemble:
    """Turns aligned crops into the embeddings of several networks, side by side.

    An embedding is the concatenation of the members' unit embeddings, each multiplied by its
    weight. Squared weights add up to 1, so that it has unit length, and the squared distance of two
    of them is the weighted mean of the members' squared distances: nothing that compares, keeps or
    searches templates needs to know of it.

    The length that `embed_with_lengths` gives, from which the strength of a face is told, is the
    first member's: lengths of different networks have different units.

    Parameters
    ----------
    members
        The networks, at least two.
    crop
        The crop that holds all their views.
    """

    def __init__(self, members: Sequence[Member], crop: CommonCrop):
        if len(members) < 2:
            raise InvalidInput("an ensemble has two members or more")
        self.members = tuple(members)
        self.crop = crop
        self.size = crop.size
        self.dimension = sum(each.embedder.dimension for each in members)
        self._weights = unit_weights([each.weight for each in members])

    @classmethod
    def from_pack(
        cls,
        pack: Pack,
        threads: int | None = None,
        *,
        backend: str | None = None,
        wait: bool = True,
    ) -> Ensemble:
        """Load the ensemble that a pack describes.

        Parameters
        ----------
        pack
            A pack of kind ``embedder`` whose manifest has ``[[members]]``, as `combine` writes it.
        threads, backend, wait
            As in `Network`.

        Raises
        ------
        PackError
            If the pack lacks a setting, or a network cannot be run.
        InvalidInput
            If a setting is out of its range, or the backend is unknown.
        """
        pack.require("embedder")
        members = [
            Member(
                Embedder.from_pack(own, threads, backend=backend, wait=wait),
                template_of(own),
                _weight(own),
            )
            for own in member_packs(pack)
        ]
        template = template_of(pack)
        points = pack.manifest["alignment"].get("points", template.points)
        found = cls(members, CommonCrop(template.size, np.asarray(points, np.float64)))
        if found.dimension != pack.setting("embedding", "dimension"):
            raise PackError(
                f"its members' embeddings have {found.dimension} numbers together, and the "
                f"manifest says {pack.setting('embedding', 'dimension')}",
                source=str(pack.folder),
            )
        return found

    @property
    def network(self) -> Network:
        """The first member's network; the others are computed by the same backend."""
        return self.members[0].embedder.network

    def embed(self, crops: Crops) -> Floats:
        """Embed aligned crops.

        Parameters
        ----------
        crops
            uint8 (n, size, size, 3) RGB; n may be 0.

        Returns
        -------
        Floats
            float32 (n, dimension); rows of unit length.

        Raises
        ------
        InvalidInput, PackError
            As in `embed_with_lengths`.
        """
        return self.embed_with_lengths(crops).embeddings

    def embed_with_lengths(self, crops: Crops) -> Embedded:
        """Embed aligned crops, and keep the lengths of the first member's embeddings.

        Parameters
        ----------
        crops
            As in `embed`.

        Raises
        ------
        InvalidInput
            If the crops have another shape or type.
        PackError
            If a network's output has another shape or no direction.
        """
        check_crops(crops, self.size)
        found = [
            member.embedder.embed_with_lengths(self.crop.views(crops, member.template))
            for member in self.members
        ]
        rows = [w * each.embeddings for w, each in zip(self._weights, found, strict=True)]
        return Embedded(np.concatenate(rows, axis=1).astype(np.float32), found[0].lengths)

    def blocks(self) -> list[slice]:
        """Return the columns of each member in an embedding."""
        return blocks([each.embedder.dimension for each in self.members])


def _weight(own: Pack) -> float:
    weight = own.manifest.get("weight")
    if not isinstance(weight, int | float) or isinstance(weight, bool):
        raise PackError(
            f"the weight of {own.name} is not a number: {weight!r}", source=str(own.folder)
        )
    return float(weight)


def blocks(dimensions: Sequence[int]) -> list[slice]:
    """Return the columns of embeddings of these dimensions that stand side by side."""
    ends = np.cumsum(dimensions)
    return [slice(int(end - d), int(end)) for d, end in zip(dimensions, ends, strict=True)]


def unit_weights(weights: Sequence[float]) -> npt.NDArray[np.float32]:
    """Return weights scaled so that their squares add up to 1, float32.

    Raises
    ------
    InvalidInput
        If one is not a finite number above 0.
    """
    array = np.asarray(weights, np.float64)
    # written so that NaN fails too
    if array.ndim != 1 or not ((array > 0) & (array < 1e6)).all():
        raise InvalidInput(
            f"weights must be finite numbers above 0, not {', '.join(f'{w:g}' for w in weights)}",
            remedy="leave out a member that is to count for nothing",
        )
    found = array / np.linalg.norm(array)
    if found.min() < 1e-3:
        raise InvalidInput(
            "a member's weight is below a thousandth of the others': it would count for nothing",
            remedy="leave the member out",
        )
    return found.astype(np.float32)
