"""Entries as rows of LanceDB tables, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from renzheng.gallery.entries import Entry
from renzheng.types import Floats

if TYPE_CHECKING:
    import pyarrow as pa

ABOUT = b"renzheng.gallery"  # key of the schema's metadata
# Makes an id unique even if two machines add at once.
_KEY = {b"lance-schema:unenforced-primary-key": b"true"}
COLUMNS = ("id", "person", "metadata", "source", "picture", "enrolled", "embedding")


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
    }
    # The fields are taken from the schema: an id that may be null cannot be a key.
    return pa.table(
        [columns[name] for name in COLUMNS],
        schema=pa.schema([schema.field(name).with_type(columns[name].type) for name in COLUMNS]),
    )


def entries_of(table: Any) -> list[Entry]:
    """Return the entries of a table or of a batch."""
    columns = {
        name: table.column(name).to_pylist() for name in COLUMNS if name not in ("embedding",)
    }
    rows = embeddings_of(table.column("embedding"))
    return [
        Entry(
            id=columns["id"][k],
            embedding=rows[k],
            person=columns["person"][k],
            metadata=json.loads(columns["metadata"][k]),
            source=columns["source"][k],
            picture=columns["picture"][k],
            enrolled=columns["enrolled"][k],
        )
        for k in range(len(rows))
    ]


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
        ],
        metadata={ABOUT: json.dumps(about).encode()},
    )


def notes_schema() -> pa.Schema:
    """Return the schema of notes about a gallery: JSON by name."""
    import pyarrow as pa

    return pa.schema([pa.field("name", pa.string(), nullable=False), ("value", pa.string())])
