"""Entries as rows of LanceDB tables, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from renzheng._support.notation import from_json
from renzheng.gallery.entries import Entry
from renzheng.types import Floats

if TYPE_CHECKING:
    import pyarrow as pa

ABOUT = b"renzheng.gallery"  # key of the schema's metadata
# Makes an id unique even if two machines add at once.
_KEY = {b"lance-schema:unenforced-primary-key": b"true"}
COLUMNS = ("id", "person", "metadata", "source", "picture", "enrolled", "embedding", "strength")
# Columns that tables made by former versions lack, with the expression that fills them.
ADDED_COLUMNS = {"strength": "cast(NULL as double)"}


@dataclass(frozen=True, eq=False)
class Block:
    """Some entries' embeddings, and what decides which of them are compared.

    Attributes
    ----------
    ids, people
        The entries' ids and people.
    embeddings
        float32 (n, d), unit length.
    strengths
        float64 (n,), NaN where it is unknown.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = ("id", "person", "embedding", "strength")

    ids: list[str]
    people: list[str]
    embeddings: Floats
    strengths: npt.NDArray[np.float64]

    @classmethod
    def of(cls, batch: Any) -> Block:
        """Return the block of a batch, in which the strengths may be missing."""
        strengths = np.full(len(batch), np.nan)
        if "strength" in batch.schema.names:  # null becomes NaN
            strengths = batch.column("strength").to_numpy(zero_copy_only=False)
        return cls(
            batch.column("id").to_pylist(),
            batch.column("person").to_pylist(),
            embeddings_of(batch.column("embedding")),
            np.asarray(strengths, np.float64),
        )


def to_arrow(entries: Sequence[Entry], schema: pa.Schema) -> pa.Table:
    """Return entries as a table of this schema."""
    import pyarrow as pa

    stacked = np.stack([entry.embedding for entry in entries]).astype(np.float32)
    columns = {
        "id": pa.array([entry.id for entry in entries], pa.string()),
        "person": pa.array([entry.person for entry in entries], pa.string()),
        "metadata": pa.array(
            [json.dumps(dict(entry.metadata), ensure_ascii=False) for entry in entries], pa.json_()
        ),
        "source": pa.array([entry.source for entry in entries], pa.string()),
        "picture": pa.array([entry.picture for entry in entries], pa.string()),
        "enrolled": pa.array([entry.enrolled for entry in entries], pa.timestamp("ms", "UTC")),
        "embedding": pa.FixedSizeListArray.from_arrays(stacked.ravel(), stacked.shape[1]),
        "strength": pa.array([entry.strength for entry in entries], pa.float64()),
    }
    # The fields are taken from the schema: an id that may be null cannot be a key.
    return pa.table(
        [columns[name] for name in COLUMNS],
        schema=pa.schema([schema.field(name).with_type(columns[name].type) for name in COLUMNS]),
    )


def entries_of(table: Any) -> list[Entry]:
    """Return the entries of a table or of a batch."""
    columns = {
        name: table.column(name).to_pylist()
        for name in readable_columns(table.schema)
        if name != "embedding"
    }
    rows = embeddings_of(table.column("embedding"))
    strengths = columns.get("strength", [None] * len(rows))
    return [
        Entry(
            id=columns["id"][k],
            embedding=rows[k],
            person=columns["person"][k],
            metadata=from_json(columns["metadata"][k]),
            source=columns["source"][k],
            picture=columns["picture"][k],
            enrolled=columns["enrolled"][k],
            strength=strengths[k],
        )
        for k in range(len(rows))
    ]


def readable_columns(schema: pa.Schema) -> list[str]:
    """Return the columns of an entry that a table has; one of a former version lacks some."""
    return [name for name in COLUMNS if name in schema.names]


def embeddings_of(column: Any) -> Floats:
    """Return a column of embeddings as float32 (n, d)."""
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    parts = [
        chunk.flatten().to_numpy(zero_copy_only=False).reshape(len(chunk), -1) for chunk in chunks
    ]
    width = column.type.list_size
    return np.concatenate(parts) if parts else np.zeros((0, width), np.float32)


def entries_schema(dimension: int, about: Mapping[str, Any]) -> pa.Schema:
    """Return the schema of the entries, with facts about the gallery as its metadata."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False, metadata=_KEY),
            pa.field("person", pa.string(), nullable=False),
            pa.field("metadata", pa.json_(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("picture", pa.string(), nullable=False),
            pa.field("enrolled", pa.timestamp("ms", "UTC"), nullable=False),
            pa.field("embedding", pa.list_(pa.float32(), dimension), nullable=False),
            pa.field("strength", pa.float64()),
        ],
        metadata={ABOUT: json.dumps(about).encode()},
    )


def notes_schema() -> pa.Schema:
    """Return the schema of notes about a gallery: JSON by name."""
    import pyarrow as pa

    return pa.schema([pa.field("name", pa.string(), nullable=False), ("value", pa.string())])
