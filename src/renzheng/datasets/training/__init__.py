"""Training sets in the field's usual forms."""

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
        The folder that a table's relative paths start from; by default the table's.

    Raises
    ------
    InvalidInput
        If the path holds none of these, or shows fewer than two people.
    """
    if path.is_dir():
        shards = sorted(path.glob("*.tar"))
        return Shards(shards) if shards else Files.of_folder(path)
    suffix = path.suffix.lower()
    if not path.exists():
        raise InvalidInput("there is no such file or folder", source=str(path))
    if suffix == ".csv":
        return Files.of_table(path, root)
    if suffix == ".rec":
        return Records(path)
    if suffix == ".tar":
        return Shards([path])
    raise InvalidInput(
        "no training set in a known form",
        source=str(path),
        remedy="give a folder of people, a folder of .tar shards, a .csv or a .rec",
    )


def merge(sources: Sequence[Source]) -> Source:
    """Join several sources, their people kept apart."""
    return Merged(sources)
