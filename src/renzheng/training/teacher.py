"""A pack's embeddings of the training pictures, for a student to learn from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from renzheng import Verifier
from renzheng._support.cpu import cores
from renzheng.datasets.training.source import Source
from renzheng.datasets.types import Picture
from renzheng.errors import InvalidInput
from renzheng.evaluation.acquisition import Extraction, acquire
from renzheng.evaluation.cache import Cache, default_path
from renzheng.types import Floats

_CHUNK = 5000  # pictures held in memory at a time


def embed(
    source: Source, pack: str, template: str, cache: Path | None, tell: Callable[[str], None]
) -> Floats:
    """Embed every picture of a source by a pack, each once and kept.

    The teacher sees the pictures as they are, the student sees them augmented: it learns to give
    the same answer to worse pictures.

    Parameters
    ----------
    source
        Crops aligned to `template`.
    pack
        Name or folder.
    template
        What the crops are aligned to; the teacher's own crop is cut from that.
    cache
        File of embeddings; the user's by default.
    tell
        Told how far it is.

    Returns
    -------
    float32 (n, d)
        The embeddings less their mean. A network's embeddings may all lie around one direction
        (those of dlib-resnet are within 33 degrees of one another on average, strangers included);
        a student would learn that direction, which says nothing, long before it learns who is who.
        The losses bring the rows to unit length again.

    Raises
    ------
    InvalidInput
        If a picture cannot be read: clean the data first.
    """
    extraction = Extraction.of(Verifier(pack), aligned=template)
    rows = []
    with Cache(cache or default_path()) as store:
        for first in range(0, len(source), _CHUNK):
            tell(f"the teacher {pack} embeds: {first} of {len(source)} (kept for the next run)")
            chosen = range(first, min(first + _CHUNK, len(source)))
            found = acquire(
                [Picture(source.name(i), source.content(i)) for i in chosen],
                extraction,
                cache=store,
                workers=cores(),
            )
            if found.failures:
                index, failure = next(iter(found.failures.items()))
                raise InvalidInput(
                    f"the teacher cannot embed it: {failure.reason}",
                    source=source.name(chosen[index]),
                    remedy="remove it, or make the crops anew: renzheng train prepare",
                )
            rows.append(found.rows)
    every = np.concatenate(rows)
    return np.asarray(every - every.mean(axis=0), np.float32)
