"""Templates as rows of the store."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from painted_face import paint
from renzheng.apps.batch import records
from renzheng.types import Finding, LivenessScore, Role, Severity
from renzheng.verification.same_photo import compare_details, detail_of
from renzheng.verification.templates import FaceTemplate, unread


def template(shift: int) -> FaceTemplate:
    image, face = paint(seed=1)
    cut = image[shift:, shift:]
    moved = type(face)(face.box - shift, face.landmarks - shift, face.score)
    return FaceTemplate(
        "人.png",
        Role.LIVE,
        "digest",
        embedding=np.linspace(-1, 1, 128, dtype=np.float32),
        strength=12.1 + 0.2,
        photo_detail=detail_of(cut, moved),
        liveness=LivenessScore(0.1 + 0.2, 0.5, {"a": 1 / 3}, {"live": 0.25, "print": 0.75}),
        findings=(Finding("small_face", "", "too small", Severity.WARNING),),
    )


@pytest.mark.parametrize("shift", [0, 120])  # all of the head in the picture, and a part of it
def test_what_is_compared_comes_back_bit_for_bit(shift: int) -> None:
    kept = template(shift)
    again = records.from_row(records.to_row(kept))
    assert again.embedding is not None
    assert kept.embedding is not None
    assert again.embedding.tobytes() == kept.embedding.tobytes()
    assert again.strength == kept.strength
    assert again.liveness == kept.liveness
    assert again.findings == kept.findings
    assert (again.source, again.role, again.pack) == (kept.source, kept.role, kept.pack)
    other = template(0).photo_detail
    assert other is not None
    assert kept.photo_detail is not None
    assert again.photo_detail is not None
    assert (kept.photo_detail.fine.visible is None) == (shift == 0)
    assert compare_details(again.photo_detail, other) == compare_details(kept.photo_detail, other)


@given(st.text(), st.text())
def test_failures_come_back(source: str, reason: str) -> None:
    kept = unread(source, Role.DOCUMENT, reason)
    again = records.from_row(records.to_row(kept))
    assert (again.source, again.error, again.findings) == (source, reason, kept.findings)
    assert again.embedding is None
    assert again.strength is None


def test_a_template_without_strength_has_none_afterwards() -> None:
    kept = replace(template(0), strength=None)
    assert records.from_row(records.to_row(kept)).strength is None


@pytest.mark.parametrize("place", [4, 6, 9])  # findings, embedding, head
def test_a_damaged_row_is_told(place: int) -> None:
    row = list(records.to_row(template(0)))
    row[place] = row[place][: len(row[place]) // 2 + 1]
    with pytest.raises(ValueError, match="damaged"):
        records.from_row(tuple(row))
