"""Acquisition with the odd answers of a detector."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from renzheng import Face, Role, Verifier
from renzheng.types import Image
from renzheng.verification.acquisition import acquire
from renzheng.verification.face_models import FaceModels

GOOD = np.array([(60, 60), (100, 60), (80, 85), (66, 105), (94, 105)], np.float32)


@pytest.fixture(scope="module")
def models() -> FaceModels:
    return Verifier(threads=1).face_models


class Sees:
    """A detector that sees the same faces everywhere."""

    min_face_size = 20

    def __init__(self, *faces: Face):
        self.faces = faces

    def detect(self, picture: Image) -> list[Face]:
        return list(self.faces)


def face(points: Any, box: tuple[float, ...] = (40, 30, 120, 130), score: float = 0.9999) -> Face:
    return Face(np.array(box, np.float32), np.array(points, np.float32), score)


BAD = {
    "coincident": face(np.full((5, 2), 70)),
    "not a number": face(np.full((5, 2), np.nan)),
    "infinite": face(GOOD + np.inf),
    "eyes in one place": face([(80, 60), (80, 60), (80, 85), (66, 105), (94, 105)]),
    "empty box": face(GOOD, (50, 50, 50, 50)),
    "box not a number": face(GOOD, (np.nan, 0, 10, 10)),
    "outside the picture": face(GOOD + 1000, (1040, 1030, 1120, 1130)),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("role", list(Role))
def test_a_face_that_cannot_be_aligned_is_none(models: FaceModels, role: Role, name: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    alone = replace(models, detector=Sees(BAD[name]))  # type: ignore[arg-type]
    capture = acquire(picture, role, alone)
    assert capture.face is None
    assert "no face" in str(capture.error)
    both = replace(models, detector=Sees(BAD[name], face(GOOD)))  # type: ignore[arg-type]
    capture = acquire(picture, role, both)
    assert capture.error is None
    assert len(capture.faces) == 1
    np.testing.assert_array_equal(capture.face.landmarks, GOOD)  # type: ignore[union-attr]


def test_what_choosing_embedded_is_what_the_crop_gives(models: FaceModels) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    seen = replace(models, detector=Sees(face(GOOD), face(np.add(GOOD, (30, 20)), score=0.95)))  # type: ignore[arg-type]
    capture = acquire(picture, Role.DOCUMENT, seen)
    assert capture.crop is not None
    assert capture.embedding is not None
    alone = models.embedder.embed(capture.crop[None])[0]
    np.testing.assert_array_equal(capture.embedding, alone)
    assert "embedding" not in capture.to_dict()
    assert acquire(picture, Role.LIVE, seen).embedding is None
