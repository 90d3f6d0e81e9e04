"""Outlines of documents, on pictures painted here."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renzheng.faces.documents import outline
from renzheng.types import Image

SIZE = (900, 700)


def card(ratio: float, rng: np.random.Generator) -> Image:
    """Paint light paper with a dark band, a portrait and lines of writing."""
    width = 640
    height = round(width / ratio)
    paper = np.full((height, width, 3), rng.uniform(200, 245, 3), np.uint8)
    paper[: height // 8] = rng.uniform(30, 120, 3)
    paper[height // 5 : height // 5 + height // 2, 40:180] = rng.uniform(60, 160, 3)
    for y in range(height // 4, height - 40, 30):
        cv2.line(paper, (230, y), (230 + int(rng.uniform(80, 350)), y), (50, 50, 60), 3)
    return paper


def lay(paper: Image, corners: np.ndarray, ground: tuple[int, int, int]) -> Image:
    """Lay the paper on a background with its corners at given places, with some noise and blur."""
    height, width = paper.shape[:2]
    ends = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    there = cv2.getPerspectiveTransform(ends, corners.astype(np.float32))
    picture = np.full((SIZE[1], SIZE[0], 3), ground, np.uint8)
    on = cv2.warpPerspective(np.full((height, width), 255, np.uint8), there, SIZE)
    laid = cv2.warpPerspective(paper, there, SIZE, flags=cv2.INTER_AREA)
    picture = np.where(on[:, :, None] > 127, laid, picture).astype(np.float32)
    picture = cv2.GaussianBlur(picture, (0, 0), 1.0)
    picture += np.random.default_rng(1).normal(0, 2, picture.shape)
    return np.clip(picture, 0, 255).astype(np.uint8)


def upright(left: float, top: float, width: float, ratio: float) -> np.ndarray:
    right, bottom = left + width, top + width / ratio
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


places = st.tuples(*[st.floats(-30, 30)] * 8)


@settings(max_examples=25)
@given(places, st.sampled_from(("ID-1", "ID-3")), st.sampled_from(((60, 62, 70), (150, 120, 80))))
def test_a_card_on_a_plain_ground_is_found(
    moves: tuple[float, ...], kind: str, ground: tuple[int, int, int]
) -> None:
    ratio = outline.FORMATS[kind]
    wide, high = 620, 620 / ratio
    corners = upright((SIZE[0] - wide) / 2, (SIZE[1] - high) / 2, wide, ratio)
    corners += np.reshape(moves, (4, 2)) * 0.6
    found = outline.find(lay(card(ratio, np.random.default_rng(0)), corners, ground))
    assert found is not None
    assert np.abs(found.corners - corners).max() < 6
    assert found.support > 0.7
    assert found.ratio == pytest.approx(outline.FORMATS[found.document], rel=0.11)


def test_the_format_is_told() -> None:
    for kind in ("ID-1", "ID-3"):
        ratio = outline.FORMATS[kind]
        corners = upright(150, 150, 600, ratio)
        found = outline.find(lay(card(ratio, np.random.default_rng(2)), corners, (12, 14, 12)))
        assert found is not None
        assert outline.FORMATS[found.document] == pytest.approx(ratio, rel=0.01)


def test_a_card_that_stands_upright_is_found_too() -> None:
    paper = np.ascontiguousarray(np.rot90(card(1.586, np.random.default_rng(3))))
    corners = upright(300, 80, 340, 1 / 1.586)
    found = outline.find(lay(paper, corners, (40, 50, 60)))
    assert found is not None
    assert found.ratio == pytest.approx(1 / 1.586, rel=0.02)


@pytest.mark.parametrize("ratio", [1.0, 2.6])
def test_what_has_no_documents_proportions_is_none(ratio: float) -> None:
    corners = upright(150, 120, 480, ratio)
    plain = np.full((400, round(400 * ratio), 3), 230, np.uint8)
    assert outline.find(lay(plain, corners, (60, 60, 60))) is None


def test_pictures_without_a_document_have_none() -> None:
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 256, (300, 400, 3), dtype=np.uint8)
    flat = np.full((300, 400, 3), 200, np.uint8)
    soft = cv2.resize(noise[:8, :8], (400, 300), interpolation=cv2.INTER_CUBIC)
    line = flat.copy()
    line[150] = 0
    for picture in (noise, flat, np.asarray(soft, np.uint8), line, flat[:12, :12], flat[:12]):
        assert outline.find(np.ascontiguousarray(picture)) is None
