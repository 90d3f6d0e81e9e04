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
from renzheng.models.defaults import DEFAULT_EMBEDDER
from renzheng.training.recipe import Loss
from renzheng.types import Floats

_CHUNK = 5000  # pictures held in memory at a time


def pack_of(losses: tuple[Loss, ...]) -> str | None:
    """Return the pack that a recipe's losses distil; None without distillation.

    Raises
    ------
    InvalidInput
        If the losses name several packs.
    """
    packs = {loss.options.get("pack") for loss in losses if loss.kind == "distillation"}
    if len(packs) > 1:
        raise InvalidInput(
            f"one run learns from one teacher, not from {len(packs)}",
            remedy="name the same pack in every distillation loss",
        )
    return str(packs.pop() or DEFAULT_EMBEDDER) if packs else None


def embed(
    source: Source, pack: str, template: str, cache: Path | None, tell: Callable[[str], None]
) -> Floats:
    """Embed every picture of a source by a pack, each once, and keep the embeddings in a cache.

    The teacher sees the pictures as they are, the student sees them augmented: it learns to give
    the same embedding for worse pictures.

    Parameters
    ----------
    source
        Crops aligned to `template`.
    pack
        Name or folder of the pack.
    template
        Alignment template of the crops, from which the teacher's own crop is cut.
    cache
        File of embeddings; by default the user's.
    tell
        Called with the progress in words.

    Returns
    -------
    float32 (n, d)
        The embeddings minus their mean. A network's embeddings may all lie around one direction
        (those of dlib-resnet are within 33 degrees of one another on average, those of impostors
        included). A student would learn that direction, which says nothing, long before it learns
        to tell people apart. The losses scale the rows to unit length again.

    Raises
    ------
    InvalidInput
        If a picture cannot be read.
    """
    extraction = Extraction.of(Verifier(pack), aligned=template)
    rows = []
    with Cache(cache or default_path()) as store:
        for first in range(0, len(source), _CHUNK):
            tell(f"the teacher {pack} embeds: {first} of {len(source)} (kept for the next run)")
            chosen = range(first, min(first + _CHUNK, len(source)))
            acquired = acquire(
                [Picture(source.name(i), source.content(i)) for i in chosen],
                extraction,
                cache=store,
                workers=cores(),
            )
            if acquired.failures:
                index, failure = next(iter(acquired.failures.items()))
                raise InvalidInput(
                    f"the teacher cannot embed this picture: {failure.reason}",
                    source=source.name(chosen[index]),
                    remedy="remove it, or cut the crops again: renzheng train prepare",
                )
            rows.append(acquired.rows)
    embeddings = np.concatenate(rows)
    return np.asarray(embeddings - embeddings.mean(axis=0), np.float32)
