from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made_up
from renzheng import InvalidInput, PackError, images
from renzheng.faces.detection import Detector
from renzheng.faces.liveness import Liveness, LivenessScore, region_around
from renzheng.faces.selection import choose_face
from renzheng.models import packs
from renzheng.models.packs import Pack
from renzheng.types import Face


def face(*box: float) -> Face:
    return Face(np.array(box, np.float32), np.zeros((5, 2), np.float32), 1.0)


@pytest.fixture(scope="module")
def bright(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return made_up.liveness_pack(tmp_path_factory.mktemp("packs") / "bright")


@pytest.mark.parametrize(
    ("box", "scale", "region"),
    [
        # In the middle: 40 x 40 at (80, 80) grown to 108 x 108 about (100, 100).
        ((80, 80, 119, 119), 2.7, (46, 46, 154, 154)),
        # Over the left and upper edge: moved in, not shrunk.
        ((0, 10, 39, 49), 2.7, (0, 0, 108, 108)),
        ((160, 80, 199, 119), 2.7, (91, 46, 199, 154)),
        # Larger than the picture allows: as large as fits, in the box's own proportions.
        ((50, 50, 149, 149), 4.0, (0, 0, 199, 199)),
        ((80, 60, 119, 139), 4.0, (50, 0, 149, 199)),
        # Fractions are cut off, as from the authors' detector.
        ((80.9, 80.9, 119.9, 119.9), 2.7, (46, 46, 154, 154)),
    ],
)
def test_the_region_around_a_face(
    box: tuple[float, ...], scale: float, region: tuple[int, ...]
) -> None:
    assert region_around(np.array(box, np.float32), scale, 200, 200) == region


sides = st.floats(2, 900)


@given(st.floats(-300, 1900), st.floats(-300, 1900), sides, sides, st.sampled_from([1.0, 2.7, 4.0]))
def test_the_region_always_lies_in_the_picture(
    x: float, y: float, width: float, height: float, scale: float
) -> None:
    region = region_around(np.array([x, y, x + width, y + height], np.float32), scale, 1600, 1200)
    left, top, right, bottom = region
    assert 0 <= left <= right < 1600
    assert 0 <= top <= bottom < 1200


def test_networks_see_the_face_at_their_scales_in_their_channel_order(bright: Pack) -> None:
    image = np.zeros((300, 300, 3), np.uint8)
    image[125:175, 125:175, 2] = 255  # a blue square of 50 px
    liveness = Liveness.from_pack(bright)
    whole = face(125, 125, 174, 174)
    crops = liveness.crops(image, whole)
    assert crops.shape == (2, 24, 24, 3)
    assert crops.dtype == np.uint8
    assert crops[..., :2].max() == 0
    # The square is 1 / 1.5**2 and 1 / 3**2 of the two crops; their scales pass through int.
    means = crops[..., 2].mean(axis=(1, 2))
    np.testing.assert_allclose(means / 255, [1 / 1.5**2, 1 / 3**2], rtol=0.06)
    score = liveness.check(image, whole)
    wanted = 1 / (1 + np.exp(-(means - 90) / 10))
    np.testing.assert_allclose(list(score.networks.values()), wanted, rtol=1e-4)
    assert list(score.networks) == ["near", "far"]
    assert score.score == pytest.approx(wanted.mean(), rel=1e-4)
    assert score.classes == pytest.approx({"attack": 1 - score.score, "live": score.score})
    assert score.threshold == 0.5
    # The other channels are not blue.
    assert liveness.check(image[..., ::-1].copy(), whole).score < 1e-3


def test_a_face_is_live_from_the_threshold_on() -> None:
    scores = [LivenessScore(value, 0.5, {"a": value}, {"live": value}) for value in (0.49, 0.5)]
    assert [score.live for score in scores] == [False, True]
    assert scores[1].to_dict() == {
        "live": True,
        "score": 0.5,
        "threshold": 0.5,
        "networks": {"a": 0.5},
        "classes": {"live": 0.5},
    }


@pytest.mark.parametrize(
    "box",
    [
        (10, 10, 10, 30), (30, 30, 10, 10), (200, 10, 240, 30), (-50, 10, -1, 30),
        (10, np.nan, 30, 30), (-np.inf, 10, 30, np.inf),
    ],
)  # fmt: skip
def test_a_box_outside_the_picture_is_refused(bright: Pack, box: tuple[float, ...]) -> None:
    with pytest.raises(InvalidInput, match="does not lie"):
        Liveness.from_pack(bright).check(np.zeros((100, 100, 3), np.uint8), face(*box))


@pytest.mark.parametrize(
    "image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))]
)
def test_other_pictures_are_refused(bright: Pack, image: Any) -> None:
    with pytest.raises(InvalidInput, match="uint8"):
        Liveness.from_pack(bright).check(image, face(1, 1, 5, 5))


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m["output"].update(live="alive"), "no class is called 'alive'"),
        (lambda m: m["output"].update(threshold=1.5), "threshold"),
        (lambda m: m["output"].update(classes=["a", "live", "c"]), "no probabilities of 3"),
        (lambda m: m["output"].pop("classes"), r"lacks \[output\] classes"),
        (lambda m: m["input"].update(size=25), "rejects its input"),
        (lambda m: m["input"].update(networks=[]), "networks"),
        (lambda m: m["input"].update(networks=[{"file": "near.onnx"}]), "box_scale"),
        (lambda m: m["input"].update(networks=[{"file": "no.onnx"}]), "no file"),
        (lambda m: m["input"].update(networks=7), "does not describe"),
        (lambda m: m["input"].update(channels="YUV"), "RGB or BGR"),
        (lambda m: m.update(kind="embedder"), "of kind embedder, not liveness"),
    ],
)
def test_a_pack_that_contradicts_itself_is_refused(
    bright: Pack, tmp_path: Path, change: Change, reason: str
) -> None:
    manifest = {k: dict(v) if isinstance(v, dict) else v for k, v in bright.manifest.items()}
    change(manifest)
    files = {name: bright.file(name).read_bytes() for name in bright.manifest["files"]}
    packs.write(tmp_path / "spoilt", files, manifest)
    with pytest.raises(PackError, match=reason):
        Liveness.from_pack(tmp_path / "spoilt")


def test_the_default_pack_says_how_to_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path))
    with pytest.raises(PackError, match="renzheng packs add minifasnet"):
        Liveness.from_pack()


def test_the_authors_examples_and_boxes_that_are_a_tenth_off(
    assets: Path, tmp_path: Path, mtcnn_pack: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path))
    pack = packs.add("minifasnet", assets / "weights" / "antispoof", progress=lambda _: None)
    liveness = Liveness.from_pack(pack)
    assert liveness.pack is pack
    detector = Detector.from_folder(mtcnn_pack.folder, min_face_size=40)
    for name, live in (("T1", True), ("F1", False), ("F2", False)):
        image = images.read(assets / "photos" / f"antispoof_{name}.jpg")
        found = choose_face(detector.detect(image), (image.shape[1], image.shape[0]))
        corner, side = found.box[:2], found.box[2:] - found.box[:2]
        for dx, dy, size in product((-0.1, 0.0, 0.1), (-0.1, 0.0, 0.1), (0.9, 1.0, 1.1)):
            first = corner + side * np.array([dx, dy]) + side * (1 - size) / 2
            box = np.concatenate([first, first + side * size]).astype(np.float32)
            score = liveness.check(image, replace(found, box=box))
            assert score.live is live
            assert sum(score.classes.values()) == pytest.approx(1, abs=1e-5)
