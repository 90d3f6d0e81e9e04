from __future__ import annotations

import numpy as np
import pytest

from renzheng.errors import InvalidInput, PackError
from renzheng.faces.embedding import Embedder

SIZE = 6
MEAN = (10.0, 20.0, 30.0)


class Linear:
    """A stand-in for a network: one fixed projection, row by row, and a record of its input."""

    def __init__(self, dimension: int = 4):
        self.matrix = np.random.default_rng(0).normal(size=(3 * SIZE * SIZE, dimension))
        self.batches: list[np.ndarray] = []

    def __call__(self, batch: np.ndarray) -> list[np.ndarray]:
        self.batches.append(batch)
        rows = [row.ravel().astype(np.float64) @ self.matrix for row in batch]
        return [np.array(rows, np.float32)]


def embedder(network=None, **changes):
    settings = {"size": SIZE, "mean": MEAN, "scale": 0.5, "dimension": 4} | changes
    return Embedder(network or Linear(), **settings)


def crops(count: int) -> np.ndarray:
    shape = (count, SIZE, SIZE, 3)
    return np.random.default_rng(1).integers(0, 256, shape).astype(np.uint8)


@pytest.mark.parametrize("mirror", [True, False])
def test_rows_have_unit_length(mirror):
    embeddings = embedder(mirror_average=mirror).embed(crops(5))
    assert embeddings.shape == (5, 4)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)


def test_the_network_gets_normalised_contiguous_planes_in_its_channel_order():
    pictures = crops(1)
    for channels, order in (("RGB", [0, 1, 2]), ("BGR", [2, 1, 0])):
        network = Linear()
        embedder(network, channels=channels, mirror_average=False).embed(pictures)
        batch = network.batches[0]
        expected = (pictures[0][..., order] - np.array(MEAN)).transpose(2, 0, 1) * 0.5
        np.testing.assert_allclose(batch[0], expected)
        assert batch.dtype == np.float32
        assert batch.flags.c_contiguous


def test_mirror_average_is_the_mean_of_both_raw_outputs():
    plain = embedder(mirror_average=False, normalise=False)
    pictures = crops(3)
    mean = (plain.embed(pictures) + plain.embed(pictures[:, :, ::-1])) / 2
    both = embedder(normalise=False).embed(pictures)
    np.testing.assert_allclose(both, mean, rtol=1e-5)
    unit = embedder().embed(pictures)
    np.testing.assert_allclose(unit, mean / np.linalg.norm(mean, axis=1)[:, None], rtol=1e-5)


def test_a_mirrored_crop_has_the_same_embedding():
    pictures = crops(3)
    same = embedder().embed(pictures), embedder().embed(pictures[:, :, ::-1])
    np.testing.assert_array_equal(*same)


@pytest.mark.parametrize("mirror", [True, False])
@pytest.mark.parametrize("batch_size", [1, 2, 5, 32])
def test_batches_are_bounded_and_change_nothing(mirror, batch_size):
    network = Linear()
    pictures = crops(11)
    found = embedder(network, mirror_average=mirror, batch_size=batch_size).embed(pictures)
    np.testing.assert_array_equal(found, embedder(mirror_average=mirror).embed(pictures))
    # a crop and its mirror image stay together
    assert max(map(len, network.batches)) <= max(batch_size, 2 if mirror else 1)


def test_no_crops_give_no_rows():
    assert embedder().embed(crops(0)).shape == (0, 4)


@pytest.mark.parametrize("shape", [(SIZE, SIZE, 3), (1, 3, SIZE, SIZE), (1, SIZE, SIZE + 1, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(InvalidInput):
        embedder().embed(np.zeros(shape, np.uint8))


def test_other_types_are_refused():
    with pytest.raises(InvalidInput):
        embedder().embed(crops(1).astype(np.float32))


@pytest.mark.parametrize(
    "settings",
    [
        {"size": 0},
        {"dimension": 0},
        {"batch_size": 0},
        {"channels": "GBR"},
        {"mean": (1.0, 2.0)},
        {"mean": (1.0, 2.0, float("nan"))},
        {"scale": 0.0},
    ],
)
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InvalidInput):
        embedder(**settings)


def test_a_network_of_another_dimension_is_refused():
    with pytest.raises(PackError, match="4 numbers"):
        embedder(Linear(dimension=5)).embed(crops(1))


def test_an_output_without_direction_is_refused():
    with pytest.raises(PackError, match="direction"):
        embedder(lambda batch: [np.zeros((len(batch), 4), np.float32)]).embed(crops(1))
    with pytest.raises(PackError, match="direction"):
        embedder(lambda batch: [np.full((len(batch), 4), np.nan, np.float32)]).embed(crops(1))
