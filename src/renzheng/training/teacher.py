"""A pack's embeddings of the training pictures, for a student to learn from."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from renzheng import Verifier
from renzheng.errors import InvalidInput
from renzheng.evaluation.acquisition import Extraction, acquire
from renzheng.evaluation.cache import Cache, default_path
from renzheng.evaluation.trial import Picture
from renzheng.training.data.source import Source
from renzheng.types import Floats


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
    float32 (n, d), unit length

    Raises
    ------
    InvalidInput
        If a picture cannot be read: clean the data first.
    """
    pictures = [Picture(source.name(i), source.content(i)) for i in range(len(source))]
    tell(f"embedding {len(pictures)} pictures by the teacher {pack} (kept for the next run)")
    with Cache(cache or default_path()) as store:
        found = acquire(
            pictures,
            Extraction.of(Verifier(pack), aligned=template),
            cache=store,
            workers=os.cpu_count() or 1,
        )
    if found.failures:
        index, failure = next(iter(found.failures.items()))
        raise InvalidInput(
            f"the teacher cannot embed it: {failure.reason} ({len(found.failures)} such pictures)",
            source=source.name(index),
            remedy="remove them, or make the crops anew: renzheng train prepare",
        )
    return found.rows
