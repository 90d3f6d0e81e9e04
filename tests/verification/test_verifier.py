from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

import renzheng
from renzheng import Decision, InvalidInput, NoFace, Policy, UnreadableImage, Verifier
from renzheng.models import packs
from renzheng.types import Severity


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    """A verifier of two photographs; test_roles.py has the rules of documents and live pictures."""
    return Verifier(roles=("photo", "photo"))


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    return np.asarray(data.astronaut())


@pytest.fixture(scope="module")
def another(portrait: np.ndarray) -> np.ndarray:
    """The same portrait as another camera would give it: smaller, darker, compressed."""
    smaller = Pillow.fromarray((portrait * 0.7).astype(np.uint8)).resize((400, 400))
    buffer = io.BytesIO()
    smaller.save(buffer, "JPEG", quality=60)
    return np.asarray(Pillow.open(buffer))


def test_the_same_person_matches(
    verifier: Verifier, portrait: np.ndarray, another: np.ndarray
) -> None:
    result = verifier.verify(portrait, another)
    assert result.decision is Decision.MATCH
    assert result.comparison is not None
    assert 0 < result.comparison.distance < 0.5
    assert result.comparison.fmr is not None
    assert result.comparison.fmr.value <= result.policy["max_fmr"]


def test_the_result_is_complete(
    verifier: Verifier, portrait: np.ndarray, another: np.ndarray
) -> None:
    data = verifier.verify(portrait, another).to_dict()
    assert set(data) == {
        "decision", "reason", "distance", "similarity", "fmr", "fmr_by_population", "llr",
        "information", "policy", "pack",
        "reference", "probe", "same_picture", "liveness", "warnings", "timings_ms",
    }  # fmt: skip
    assert data["decision"] == "match"
    assert data["pack"]["name"] == packs.DEFAULT_EMBEDDER
    assert 10 < data["information"]["reference"] < 20
    assert 10 < data["information"]["probe"] < 20
    assert data["reference"]["size"] == [512, 512]
    assert data["probe"]["face"]["score"] > 0.9
    assert set(data["timings_ms"]) >= {"total", "embed", "reference_detect", "probe_read"}


def test_swapping_the_sides_changes_nothing(
    verifier: Verifier, portrait: np.ndarray, another: np.ndarray
) -> None:
    one, other = verifier.verify(portrait, another), verifier.verify(another, portrait)
    assert one.comparison is not None
    assert other.comparison is not None
    assert one.comparison.distance == pytest.approx(other.comparison.distance, abs=1e-5)


def test_no_face_is_not_comparable_and_says_why(verifier: Verifier, portrait: np.ndarray) -> None:
    result = verifier.verify(portrait, np.zeros((200, 200, 3), np.uint8))
    assert result.decision is Decision.NOT_COMPARABLE
    assert result.comparison is None
    assert result.probe.error is not None
    assert "no face" in result.reason
    assert [f.code for f in result.findings if f.side == "probe"] == ["no_face"]
    assert result.to_dict()["distance"] is None


def test_an_unreadable_picture_is_not_comparable_and_is_named(
    verifier: Verifier, portrait: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "selfie.jpg"
    path.write_bytes(b"this is no picture")
    result = verifier.verify(portrait, path)
    assert result.decision is Decision.NOT_COMPARABLE
    assert result.probe.source == str(path)
    assert [f.code for f in result.findings if f.side == "probe"] == ["unreadable"]


def test_small_faces_and_several_faces_are_reported(
    verifier: Verifier, portrait: np.ndarray
) -> None:
    small = np.asarray(Pillow.fromarray(portrait).resize((140, 140)))
    twice = np.concatenate([small, small], axis=1)
    result = verifier.verify(portrait, twice)
    codes = {f.code for f in result.findings if f.side == "probe"}
    assert {"several_faces", "small_face"} <= codes
    assert len(result.probe.faces) >= 2


def test_the_steps_by_hand_give_the_same_distance(
    verifier: Verifier, portrait: np.ndarray, another: np.ndarray
) -> None:
    by_hand = verifier.compare(verifier.embed(portrait), verifier.embed(another))
    whole = verifier.verify(portrait, another).comparison
    assert whole is not None
    assert by_hand.distance == pytest.approx(whole.distance, abs=1e-5)


def test_a_chosen_face_is_used(verifier: Verifier, portrait: np.ndarray) -> None:
    twice = np.concatenate([portrait, portrait], axis=1)
    faces = sorted(verifier.detect(twice), key=lambda f: -f.width)[:2]
    left, right = sorted(faces, key=lambda f: float(f.box[0]))
    a, b = verifier.embed(twice, left), verifier.embed(twice, right)
    assert verifier.compare(a, b).distance < 0.3
    assert not np.array_equal(verifier.align(twice, left), verifier.align(twice, right))


def test_no_face_raises_where_a_face_is_needed(verifier: Verifier) -> None:
    blank = np.full((100, 100, 3), 128, np.uint8)
    assert verifier.detect(blank) == []
    with pytest.raises(NoFace, match="no face"):
        verifier.embed(blank)
    with pytest.raises(NoFace):
        verifier.align(blank)
    with pytest.raises(UnreadableImage):
        verifier.detect(b"")


def test_a_policy_beyond_the_calibration_is_refused_before_the_work(verifier: Verifier) -> None:
    with pytest.raises(InvalidInput, match="reaches down to"):
        verifier.with_policy(Policy(max_fmr=1e-9)).verify(b"", b"")


def test_eight_threads_give_the_bits_of_one(
    verifier: Verifier, portrait: np.ndarray, another: np.ndarray
) -> None:
    pairs: list[tuple[Any, Any]] = [(portrait, another), (another, portrait[:, ::-1])] * 8
    alone = [verifier.verify(*pair) for pair in pairs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda pair: verifier.verify(*pair), pairs))
    for one, other in zip(alone, together, strict=True):
        assert one.comparison == other.comparison
        for side in ("reference", "probe"):
            a, b = getattr(one, side), getattr(other, side)
            np.testing.assert_array_equal(a.face.box, b.face.box)
            np.testing.assert_array_equal(a.face.landmarks, b.face.landmarks)
            np.testing.assert_array_equal(a.crop, b.crop)


def test_the_module_level_functions_are_the_default_verifier(
    verifier: Verifier, portrait: np.ndarray, another: np.ndarray
) -> None:
    result = renzheng.verify(portrait, another, Policy(max_fmr=1e-3))
    assert result.policy["max_fmr"] == 1e-3
    assert result.comparison == verifier.verify(portrait, another).comparison
    assert len(renzheng.detect(portrait)) == len(verifier.detect(portrait))
    np.testing.assert_array_equal(renzheng.embed(portrait), verifier.embed(portrait))
    assert renzheng.align(portrait).shape == (112, 112, 3)
    assert renzheng.compare(renzheng.embed(portrait), renzheng.embed(portrait)).distance == 0


def test_different_people_do_not_match(verifier: Verifier, assets: Path) -> None:
    photos = assets / "photos"
    result = verifier.verify(photos / "paul_rudd.jpg", photos / "angelina_jolie.jpg")
    assert result.decision is Decision.NO_MATCH


def test_a_picture_cut_close_is_no_match_by_itself(
    verifier: Verifier, portrait: np.ndarray, another: np.ndarray
) -> None:
    found = verifier.detect(portrait)[0]
    x1, y1, x2, y2 = found.box.astype(int)
    for margin, decision, effect in (
        (60, Decision.MATCH, None),
        (3, Decision.MATCH, Severity.WARNING),  # the face fills the picture, and all of it is there
        (-9, Decision.INCONCLUSIVE, Severity.DOUBT),
    ):
        close = portrait[max(y1 - margin, 0) : y2 + margin, max(x1 - margin, 0) : x2 + margin]
        result = verifier.verify(another, np.ascontiguousarray(close))
        assert {f.code: f.severity for f in result.findings}.get("cut_close") is effect
        assert result.decision is decision
    assert "does not hold" in result.reason


def test_half_a_face_is_no_match_by_itself(
    verifier: Verifier, portrait: np.ndarray, another: np.ndarray
) -> None:
    found = verifier.detect(portrait)[0]
    nose, mouth = found.landmarks[2], found.landmarks[3:].mean(axis=0)
    halves = {
        "at the side": portrait[:, : int(nose[0])],
        "below": portrait[: int((nose[1] + mouth[1]) / 2)],
    }
    for half in halves.values():
        result = verifier.verify(another, np.ascontiguousarray(half))
        assert result.decision in (
            Decision.INCONCLUSIVE,
            Decision.NOT_COMPARABLE,
            Decision.NO_MATCH,
        )
        if result.decision is not Decision.NOT_COMPARABLE:
            effects = {f.code: f.severity for f in result.findings if f.side == "probe"}
            assert effects["cut_close"] is Severity.DOUBT
