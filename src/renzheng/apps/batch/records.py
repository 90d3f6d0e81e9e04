"""Templates as rows of a database: plain numbers and texts, which cannot run code when read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from renzheng._support.notation import from_json
from renzheng.types import Finding, Floats, LivenessScore, Role, Severity
from renzheng.verification.same_photo import PhotoDetail
from renzheng.verification.same_photo.photo_detail import SIDE, Level
from renzheng.verification.templates import FaceTemplate

COLUMNS = (
    *("source", "role", "pack", "error", "findings", "liveness", "embedding", "strength"),
    *("eyes", "head"),
)
_SIDES = (SIDE, SIDE // 2, SIDE // 4)  # px, of the levels of a photo detail


def to_row(template: FaceTemplate) -> tuple[Any, ...]:
    """Return what a comparison reads of a template, in the order of `COLUMNS`.

    The face and its quality are left out. Comparing the template that `from_row` makes of it gives
    the same bits.
    """
    live = template.liveness
    return (
        template.source,
        str(template.role),
        template.pack,
        template.error,
        json.dumps([[each.code, each.message, str(each.severity)] for each in template.findings]),
        None
        if live is None
        else json.dumps([live.score, live.threshold, dict(live.networks), dict(live.classes)]),
        None if template.embedding is None else np.asarray(template.embedding, "<f4").tobytes(),
        None if template.strength is None else float(template.strength),
        None if template.photo_detail is None else template.photo_detail.eyes,
        None if template.photo_detail is None else _detail_bytes(template.photo_detail),
    )


def from_row(row: tuple[Any, ...]) -> FaceTemplate:
    """Return the template of such a row.

    Raises
    ------
    ValueError
        If the row is damaged.
    """
    source, role, pack, error, findings, liveness, embedding, strength, eyes, head = row
    try:
        found = tuple(
            Finding(code, "", message, Severity(severity))
            for code, message, severity in from_json(findings)
        )
        return FaceTemplate(
            source,
            Role(role),
            pack,
            embedding=None if embedding is None else np.frombuffer(embedding, "<f4"),
            strength=None if strength is None else float(strength),
            photo_detail=None if head is None else _detail(head, eyes),
            liveness=None if liveness is None else LivenessScore(*from_json(liveness)),
            findings=found,
            error=error,
        )
    except (TypeError, ValueError, KeyError, IndexError) as damage:
        raise ValueError(f"a template is damaged: {damage}") from damage


def _levels(detail: PhotoDetail) -> tuple[Level, Level, Level]:
    return detail.fine, detail.middle, detail.coarse


def _detail_bytes(detail: PhotoDetail) -> bytes:
    parts = []
    for level in _levels(detail):
        parts.append(np.asarray(level.detail, "<f4").tobytes())
        # The mask is ones and zeros; there is none if all of the head lies in the picture.
        mask = level.visible
        parts.append(b"\0" if mask is None else b"\1" + np.packbits(mask > 0).tobytes())
    return b"".join(parts)


def _detail(content: bytes, eyes: float) -> PhotoDetail:
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
        raise ValueError("the photo detail is too long")
    fine, middle, coarse = levels
    return PhotoDetail(fine, middle, coarse, eyes)
