"""What chips and scanners give goes through a verification, and evidence says what it was."""

from __future__ import annotations

import io
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from chip_records import ef_dg2, record_19794
from hostile import encode
from renzheng import Decision, Verifier
from renzheng.types import Role


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier()


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    """Eileen Collins (NASA, public domain), as `renzheng demo` prints her."""
    data = pytest.importorskip("skimage.data")
    return np.ascontiguousarray(data.astronaut()[0:280, 108:334])


def scaled(picture: np.ndarray, size: tuple[int, int]) -> Image.Image:
    return Image.fromarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def test_the_portrait_of_a_chinese_card_is_found_in_its_bmp(
    verifier: Verifier, portrait: np.ndarray
) -> None:
    # The reader's library writes 102 x 126 pixels of 24 bits: 38,862 bytes.
    bmp = encode(scaled(portrait, (102, 126)), "BMP")
    assert len(bmp) == 38_862
    capture = verifier.acquire(bmp, Role.DOCUMENT)
    assert capture.error is None
    assert capture.face is not None
    assert capture.face.inter_eye_distance > 18
    assert capture.origin is None


def test_a_data_group_meets_a_photograph(verifier: Verifier, portrait: np.ndarray) -> None:
    picture = encode(scaled(portrait, (336, 416)), "JPEG2000", quality_layers=[20])
    chip = ef_dg2(record_19794(picture, points=[(12, 1, 210, 170), (12, 2, 130, 172)]))
    result = verifier.verify(chip, portrait)
    assert result.comparison is not None
    assert result.comparison.distance < 0.6
    told = json.loads(json.dumps(result.to_dict()))
    assert told["probe"]["origin"] is None
    assert told["reference"]["origin"] == {
        "container": "EF.DG2",
        "number": 1,
        "count": 1,
        "encoding": "ISO/IEC 19794-5",
        "feature_points": [
            {"code": "12.1", "x": 210, "y": 170},
            {"code": "12.2", "x": 130, "y": 172},
        ],
    }


def test_a_damaged_data_group_is_not_comparable(verifier: Verifier, portrait: np.ndarray) -> None:
    chip = ef_dg2(record_19794(encode(Image.fromarray(portrait), "JPEG")))
    result = verifier.verify(chip[:5000], portrait)
    assert result.decision is Decision.NOT_COMPARABLE
    assert "cut off" in result.reason


def test_the_page_with_the_portrait_is_taken(verifier: Verifier, portrait: np.ndarray) -> None:
    pytest.importorskip("pypdfium2")
    empty = Image.new("RGB", (600, 400), "white")
    shown = Image.new("RGB", (600, 400), "white")
    shown.paste(scaled(portrait, (226, 280)), (40, 60))
    stream = io.BytesIO()
    empty.save(stream, "PDF", save_all=True, append_images=[shown, empty], resolution=200)
    # both sides are one object, and each reads its own pages
    data = stream.getvalue()
    result = verifier.verify(data, data)
    assert result.reference.error is None
    for side in (result.reference, result.probe):
        assert str(side.origin) == "PDF, page 2 of 3"


def test_pages_without_a_face_are_told(verifier: Verifier) -> None:
    pytest.importorskip("pypdfium2")
    empty, stream = Image.new("RGB", (300, 200), "white"), io.BytesIO()
    empty.save(stream, "PDF", save_all=True, append_images=[empty], resolution=200)
    capture = verifier.acquire(stream.getvalue(), Role.DOCUMENT)
    assert capture.error is not None
    assert capture.error.startswith("on none of 2 pages: no face")


def test_real_faces_are_found_at_the_size_of_a_chinese_card(
    verifier: Verifier, assets: Path
) -> None:
    people = sorted((assets / "asian").glob("A[FM]/*.jpg"))
    if not people:
        pytest.skip(f"needs real faces: none in {assets / 'asian'}")
    found = 0
    chosen = people[:: max(1, len(people) // 12)][:12]
    for path in chosen:
        picture = np.array(Image.open(path).convert("RGB"))
        height, width = picture.shape[:2]
        wide = min(width, int(height * 102 / 126))
        high = int(wide * 126 / 102)
        left, top = (width - wide) // 2, (height - high) // 2
        cut = picture[top : top + high, left : left + wide]
        capture = verifier.acquire(encode(scaled(cut, (102, 126)), "BMP"), Role.DOCUMENT)
        found += capture.error is None
    assert found >= len(chosen) - 1
