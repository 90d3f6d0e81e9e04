"""The settings of a portrait study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import renzheng
from renzheng.datasets import degradations, specimens
from renzheng.errors import InvalidInput
from renzheng.faces.documents import SEARCH_REVISION
from renzheng.models import packs


@dataclass(frozen=True)
class PortraitSettings:
    """The settings with which documents are made and searched.

    Attributes
    ----------
    captures
        Names in `renzheng.datasets.specimens.CAPTURES`.
    people
        The number of people who get documents; None for all.
    seed
        Seed of everything that is drawn.
    workers
        The number of processes.
    min_face_size, detector
        As in `Verifier`.
    """

    captures: tuple[str, ...]
    people: int | None = None
    seed: int = 0
    workers: int = 1
    min_face_size: int = 40
    detector: str = packs.DEFAULT_DETECTOR

    def __post_init__(self) -> None:
        # The same capture twice would make the same documents twice.
        object.__setattr__(self, "captures", tuple(dict.fromkeys(self.captures)))
        for name in self.captures:
            specimens.get(name)
        if self.seed < 0:
            raise InvalidInput(f"a seed is 0 or more, not {self.seed}")
        if self.people is not None and self.people < 1:
            raise InvalidInput(f"documents are made of 1 person or more, not {self.people}")

    def stamp(self, pictures: str) -> dict[str, Any]:
        """Return everything that an outcome depends on besides its trial.

        Parameters
        ----------
        pictures
            Digest of the pictures.
        """
        return {
            "pictures": pictures,
            "seed": self.seed,
            "min_face_size": self.min_face_size,
            "packs": [self._detection(), packs.location(packs.DEFAULT_EMBEDDER).name],
            "version": renzheng.__version__,
            "revisions": [specimens.REVISION, degradations.REVISION, SEARCH_REVISION],
        }

    def _detection(self) -> str:
        """Return what stands for the detector: logs of the default one are older than others."""
        if self.detector == packs.DEFAULT_DETECTOR:
            return packs.location(self.detector).name
        return packs.of_kind("detector", self.detector).network_digest
