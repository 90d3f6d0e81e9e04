"""Pictures to train on, from the forms that the field keeps them in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from renzheng.datasets.training.files import Files
from renzheng.datasets.training.recordio import Records
from renzheng.datasets.training.shards import Shards
from renzheng.datasets.training.source import Merged, Source
from renzheng.errors import InvalidInput

__all__ = ["Source", "merge", "open_source"]


def open_source(path: Path, root: Path | None = None) -> Source:
    """Open pictures of people.

    Parameters
    ----------
    path
        A folder of people (``WHO/PICTURE``), a folder of tar shards or one shard, a CSV table with
        ``picture`` and ``person``, or an InsightFace ``.rec``.
    root
        Where a table's relative paths start.

    Raises
    ------
    InvalidInput
        If there is none of these, or it shows fewer than two people.
    """
    if path.is_dir():
        shards = sorted(path.glob("*.tar"))
        return Shards(shards) if shards else Files.of_folder(path)
    suffix = path.suffix.lower()
    if not path.exists():
        raise InvalidInput("there is nothing here", source=str(path))
    if suffix == ".csv":
        return Files.of_table(path, root)
    if suffix == ".rec":
        return Records(path)
    if suffix == ".tar":
        return Shards([path])
    raise InvalidInput(
        "pictures cannot be read from this",
        source=str(path),
        remedy="give a folder of people, a folder of .tar shards, a .csv or a .rec",
    )


def merge(sources: Sequence[Source]) -> Source:
    """Several sources as one, their people kept apart."""
    return Merged(sources)
