"""Extracts as rows of a database: plain numbers and texts, nothing that runs when it is read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from renzheng.types import Finding, Floats, LivenessScore, Role, Severity
from renzheng.verification.same_photo import PhotoDetail
from renzheng.verification.same_photo.photo_detail import SIDE, Level
from renzheng.verification.templates import FaceTemplate

COLUMNS = ("source", "role", "pack", "error", "findings", "liveness", "embedding", "eyes", "head")
_SIDES = (SIDE, SIDE // 2, SIDE // 4)  # of a head's levels


def to_row(extract: FaceTemplate) -> tuple[Any, ...]:
    """What a comparison reads of an extract, in the order of `COLUMNS`; not the face, nor quality.

    Comparing the extract that `from_row` makes of it gives the same bits.
    """
    live = extract.liveness
    return (
        extract.source,
        str(extract.role),
        extract.pack,
        extract.error,
        json.dumps([[each.code, each.message, str(each.severity)] for each in extract.findings]),
        None
        if live is None
        else json.dumps([live.score, live.threshold, dict(live.networks), dict(live.classes)]),
        None if extract.embedding is None else np.asarray(extract.embedding, "<f4").tobytes(),
        None if extract.photo_detail is None else extract.photo_detail.eyes,
        None if extract.photo_detail is None else _head_bytes(extract.photo_detail),
    )


def from_row(row: tuple[Any, ...]) -> FaceTemplate:
    """The extract of such a row.

    Raises
    ------
    ValueError
        If it is none.
    """
    source, role, pack, error, findings, liveness, embedding, eyes, head = row
    try:
        found = tuple(
            Finding(code, "", message, Severity(effect))
            for code, message, effect in json.loads(findings)
        )
        return FaceTemplate(
            source,
            Role(role),
            pack,
            embedding=None if embedding is None else np.frombuffer(embedding, "<f4"),
            photo_detail=None if head is None else _head(head, eyes),
            liveness=None if liveness is None else LivenessScore(*json.loads(liveness)),
            findings=found,
            error=error,
        )
    except (TypeError, ValueError, KeyError, IndexError) as damage:
        raise ValueError(f"an extract is damaged: {damage}") from damage


def _levels(head: PhotoDetail) -> tuple[Level, Level, Level]:
    return head.fine, head.middle, head.coarse


def _head_bytes(head: PhotoDetail) -> bytes:
    parts = []
    for level in _levels(head):
        parts.append(np.asarray(level.detail, "<f4").tobytes())
        # Ones and zeros, where not all of the head lies in the picture.
        shown = level.visible
        parts.append(b"\0" if shown is None else b"\1" + np.packbits(shown > 0).tobytes())
    return b"".join(parts)


def _head(content: bytes, eyes: float) -> PhotoDetail:
    levels = []
    for side in _SIDES:
        cells = side * side
        detail = np.frombuffer(content[: 4 * cells], "<f4").reshape(side, side)
        content = content[4 * cells :]
        visible: Floats | None = None
        masked, content = content[0], content[1:]
        if masked:
            bits = np.frombuffer(content[: cells // 8], np.uint8)
            visible = np.unpackbits(bits).astype(np.float32).reshape(side, side)
            content = content[cells // 8 :]
        levels.append(Level(detail, visible))
    if content:
        raise ValueError("a head is too long")
    fine, middle, coarse = levels
    return PhotoDetail(fine, middle, coarse, eyes)
