from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from images.similarity.networks import network
from images.similarity.painted import coded, framed, picture
from renzheng import InvalidInput, Pack, PackError
from renzheng.images.similarity import Features
from renzheng.models import packs
from renzheng.models.converters.features import add

FLOAT = onnx.TensorProto.FLOAT


def outputs(path: Path, name: str, pictures: np.ndarray) -> np.ndarray:
    """Return one tensor of the uncut network, with which the cut network is compared."""
    import onnxruntime

    model = onnx.load(str(path))
    model.graph.output.append(helper.make_tensor_value_info(name, FLOAT, None))
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run([name], {"pictures": pictures})[0])


@pytest.mark.parametrize("classifier", ["Gemm", "MatMul"])
def test_the_classifier_is_cut_off(tmp_path: Path, classifier: str) -> None:
    path = network(tmp_path / "small.onnx", classifier=classifier)
    pack = add(path, tmp_path / "pack", mean=(0.0,), scale=(1 / 255,))
    assert (pack.kind, pack.name, pack.setting("features", "dimension")) == (
        "features",
        "small",
        12,
    )
    assert classifier in pack.setting("features", "layer")
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    batch = (np.stack([image, image[:, ::-1]]) / 255).astype(np.float32).transpose(0, 3, 1, 2)
    expected = outputs(path, "flat", np.ascontiguousarray(batch)).mean(axis=0)
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(Features(pack).describe([image])[0], expected, atol=1e-5)


def test_a_map_is_averaged_over_its_area(tmp_path: Path) -> None:
    path = network(tmp_path / "small.onnx")
    pack = add(path, tmp_path / "pack", tensor="r1")
    assert pack.setting("features", "dimension") == 8
    assert "averaged" in pack.setting("features", "layer")
    assert Features(pack).describe([picture(1)]).shape == (1, 8)


def test_a_network_without_a_classifier_gives_its_output(tmp_path: Path) -> None:
    path = network(tmp_path / "small.onnx", classifier="none")
    pack = add(path, tmp_path / "pack")
    assert pack.setting("features", "dimension") == 12
    assert "no matrix product" in pack.setting("features", "layer")


@pytest.mark.parametrize(("batch", "side"), [(1, 32), ("n", "side")])
def test_fixed_batches_and_free_sizes(tmp_path: Path, batch: object, side: object) -> None:
    path = network(tmp_path / "small.onnx", batch=batch, side=side)
    if side == "side":
        with pytest.raises(InvalidInput, match="--size"):
            add(path, tmp_path / "pack")
    pack = add(path, tmp_path / "pack", size=32)
    features = Features(pack)
    several = features.describe([picture(k) for k in range(20)])
    np.testing.assert_allclose(several[7], features.describe([picture(7)])[0], atol=1e-6)


def test_the_order_of_channels_is_the_networks(tmp_path: Path) -> None:
    path = network(tmp_path / "small.onnx")
    packs = [add(path, tmp_path / c, channels=c) for c in ("RGB", "BGR")]
    image = picture(2)
    swapped = np.ascontiguousarray(image[:, :, ::-1])
    mean = [123.675, 116.28, 103.53]
    assert packs[0].setting("input", "mean") == mean
    one, other = Features(packs[0]).describe([image]), Features(packs[1]).describe([swapped])
    np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "options", "reason"),
    [
        (lambda p: p.write_text("no network"), {}, "not an ONNX network"),
        (lambda p: p.write_bytes(b""), {}, "not an ONNX network"),
        (lambda p: network(p, inputs=2), {}, "one input"),
        (lambda p: network(p, channels=4), {}, "must be float"),
        (lambda p: network(p, kind=onnx.TensorProto.DOUBLE), {}, "float|not an ONNX"),
        (lambda p: network(p, batch=5), {}, "must be float"),
        (lambda p: network(p), {"tensor": "nowhere"}, "no tensor 'nowhere'"),
        (lambda p: network(p), {"tensor": "w1"}, "no tensor 'w1'"),
        (lambda p: None, {}, "no such file"),
        (lambda p: p.mkdir(), {}, "no such file"),
    ],
)
def test_what_gives_no_features_is_refused(
    tmp_path: Path, make: object, options: dict[str, str], reason: str
) -> None:
    path = tmp_path / "model.onnx"
    make(path)  # type: ignore[operator]
    with pytest.raises(PackError, match=reason) as caught:
        add(path, tmp_path / "pack", **options)
    assert str(path) in str(caught.value)
    assert not (tmp_path / "pack").exists()


@pytest.mark.parametrize(
    "options",
    [{"mean": (1.0, 2.0)}, {"scale": (0.0,)}, {"scale": (float("nan"),)}, {"size": 64},
     {"size": 3}, {"channels": "GRB"}, {"threshold": 2.5}],
)  # fmt: skip
def test_settings_out_of_range_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    path = network(tmp_path / "small.onnx")
    with pytest.raises(InvalidInput):
        add(path, tmp_path / "pack", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "pack").exists()


def test_a_pack_of_another_kind_is_refused(embedding_pack: Pack) -> None:
    with pytest.raises(PackError, match="not features"):
        Features(embedding_pack)


@pytest.fixture(scope="module")
def default() -> Features:
    return Features(threads=1)


def test_the_default_is_a_face_networks_and_says_so(default: Features) -> None:
    assert default.dimension == 512
    assert "face network" in default.network
    assert default.threshold == pytest.approx(0.124)
    assert any("face network" in limit for limit in default.pack.manifest["limits"])


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_distances_are_distances(default: Features, one: int, other: int) -> None:
    images = [picture(one), picture(other), np.ascontiguousarray(picture(one)[:, ::-1])]
    rows = default.describe(images).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    assert np.linalg.norm(rows[0] - rows[2]) < 1e-4  # a mirror image is no other picture
    assert 0 <= np.linalg.norm(rows[0] - rows[1]) <= np.sqrt(2) + 1e-6  # none is negative


def test_a_changed_picture_is_its_own_nearest(default: Features) -> None:
    pictures = [picture(seed) for seed in range(30)]
    stored = default.describe(pictures)
    for alter in (lambda i: coded(i, 30), lambda i: framed(i, 25, (255, 255, 255)),
                  lambda i: np.ascontiguousarray(i[10:210, 5:250])):  # fmt: skip
        queries = default.describe([alter(image) for image in pictures])
        assert ((queries @ stored.T).argmax(axis=1) == np.arange(30)).all()


def test_the_features_are_the_lower_part_of_the_face_network(
    default: Features,
) -> None:
    import onnxruntime

    whole_pack = packs.load("dlib-resnet")
    model = onnx.load(str(whole_pack.file("embedder.onnx")))
    name = "block9.relu2"
    model.graph.output.append(helper.make_tensor_value_info(name, FLOAT, None))
    whole = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    image = np.random.default_rng(1).integers(0, 256, (150, 150, 3)).astype(np.uint8)
    mean = np.array(whole_pack.setting("input", "mean"), np.float32)
    batch = ((np.stack([image, image[:, ::-1]]) - mean) / 256).astype(np.float32)
    feed = np.ascontiguousarray(batch.transpose(0, 3, 1, 2))
    middle = whole.run([name], {"crops": feed})[0].mean(axis=0)
    quarters = middle.reshape(128, 2, 4, 2, 4).mean(axis=(2, 4)).ravel()
    expected = quarters / np.linalg.norm(quarters)
    np.testing.assert_allclose(default.describe([image])[0], expected, atol=1e-5)
