"""Crops as a network takes them, decoded and augmented in worker processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from renzheng import images
from renzheng.datasets.training.source import Source
from renzheng.errors import RenzhengError, UnreadableImage
from renzheng.training.augmentation import Augmentation
from renzheng.training.sampling import Sampler

Key = tuple[int, int, int]  # picture, epoch, place in the epoch
Item = tuple[npt.NDArray[np.uint8], int, int, str]  # crop, label, picture, problem or ""


class Crops(Dataset[Item]):
    """Crops of a source by key.

    The draws for an item depend on the seed, the epoch and the item's place alone, not on the
    worker that makes it nor on earlier items, so a run can be repeated and resumed.

    Parameters
    ----------
    source
        Source of the pictures.
    size
        Side of the crops in pixels; pictures of another size are resampled.
    augmentation
        Random changes of the crops, or None.
    seed
        Seed of the augmentation.
    """

    def __init__(self, source: Source, size: int, augmentation: Augmentation | None, seed: int):
        self._source, self._size, self._seed = source, size, seed
        self._augmentation = augmentation
        self._labels = np.asarray(source.labels)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, key: Key) -> Item:
        """Return a crop, uint8 (size, size, 3) RGB, its label and its place in the source.

        A picture that cannot be read is replaced by another of the same person, and the problem is
        named.
        """
        index, epoch, place = key
        problem = ""
        for candidate in self._candidates(index):
            try:
                crop = self.crop(candidate)
                break
            except UnreadableImage as error:
                problem = problem or str(error)
        else:
            raise RenzhengError(
                f"no picture of {self._source.people[self._labels[index]]!r} can be read",
                source=self._source.name(index),
                remedy="remove this person, or repair the pictures",
            )
        if self._augmentation is not None:
            crop = self._augmentation(crop, np.random.default_rng([self._seed, epoch, place, 2]))
        return crop, int(self._labels[index]), candidate, problem

    def _candidates(self, index: int) -> Iterator[int]:
        """Yield the picture, then the others of its person, which are looked for only if needed."""
        yield index
        own = np.flatnonzero(self._labels == self._labels[index])
        yield from np.roll(own, -int(np.searchsorted(own, index)))[1:].tolist()

    def crop(self, index: int) -> npt.NDArray[np.uint8]:
        """Read a picture without augmentation: uint8 (size, size, 3) RGB.

        Raises
        ------
        UnreadableImage
            If the file is no picture, or is far from square and so no crop.
        """
        image = images.read(self._source.content(index), name=self._source.name(index))
        height, width = image.shape[:2]
        if max(height, width) > 1.2 * min(height, width):
            raise UnreadableImage(
                f"a picture of {width} x {height} px is no aligned crop",
                source=self._source.name(index),
                remedy="align it first: renzheng train prepare RAW CROPS",
            )
        if (height, width) != (self._size, self._size):
            method = cv2.INTER_AREA if height > self._size else cv2.INTER_CUBIC
            image = np.asarray(cv2.resize(image, (self._size, self._size), interpolation=method))
        return np.asarray(image, np.uint8)


def load_batches(
    crops: Crops, sampler: Sampler, epoch: int, *, first: int = 0, share: slice, workers: int
) -> DataLoader[Any]:
    """Load an epoch's batches from batch `first` on.

    Parameters
    ----------
    crops
        Crops to load.
    sampler
        Sampler of the batches.
    epoch
        Number of the epoch, from 0.
    first
        Number of batches to skip, which were seen before an interruption.
    share
        This process's part of every batch.
    workers
        Number of worker processes; 0 loads in this process.

    Returns
    -------
    DataLoader
        Batches: uint8 (n, size, size, 3), int64 (n,) labels, int64 (n,) pictures, and the problems
        with pictures in words.
    """
    return DataLoader(
        crops,
        batch_sampler=_Keys(sampler, epoch, first, share),
        num_workers=workers,
        collate_fn=_collate,
        multiprocessing_context="spawn" if workers else None,
        # Otherwise the loader would draw a seed from the global generator, also in a resumed run.
        generator=torch.Generator().manual_seed(0),
    )


class _Keys:
    """Keys batch by batch, as DataLoader takes them."""

    def __init__(self, sampler: Sampler, epoch: int, first: int, share: slice):
        self._sampler, self._epoch, self._first, self._share = sampler, epoch, first, share

    def __iter__(self) -> Iterator[list[Key]]:
        for step, chosen in enumerate(self._sampler.epoch(self._epoch)):
            if step >= self._first:
                places = step * len(chosen) + np.arange(len(chosen))
                keys = [(int(i), self._epoch, int(p)) for i, p in zip(chosen, places, strict=True)]
                yield keys[self._share]

    def __len__(self) -> int:
        return self._sampler.steps - self._first


def _collate(items: Sequence[Item]) -> tuple[Tensor, Tensor, Tensor, list[str]]:
    crops, labels, pictures, problems = zip(*items, strict=True)
    return (
        torch.from_numpy(np.stack(crops)),
        torch.tensor(labels),
        torch.tensor(pictures),
        [problem for problem in problems if problem],
    )


def to_input(crops: Tensor, mean: float, scale: float, channels_last: bool = False) -> Tensor:
    """Convert uint8 (n, size, size, 3) RGB to the network's input, float32 (n, 3, size, size)."""
    batch = (crops.permute(0, 3, 1, 2).float() - mean) * scale
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return batch.contiguous(memory_format=layout)
