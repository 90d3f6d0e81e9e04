from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import lz4.frame
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import PackError
from renzheng.models.converters import mtcnn
from renzheng.models.runtime import Network


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Network]:
    folder = tmp_path_factory.mktemp("mtcnn")
    mtcnn.build(folder)
    return {name: Network(folder / f"{name}.onnx") for name in mtcnn.NETWORKS}


def packed(path: Path, content: bytes) -> Path:
    path.write_bytes(lz4.frame.compress(content))
    return path


def prelu(x: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0) + slopes * np.minimum(x, 0)


def convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """(H, W, in) with (h, w, in, out), unpadded, in float64 and without any trick."""
    size = kernel.shape[0]
    windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(0, 1))
    return np.einsum("abchw,hwco->abo", windows, kernel) + bias


def pool(x: np.ndarray, size: int) -> np.ndarray:
    """Stride 2; the last, incomplete window counts."""
    rows, columns = (-(-max(n - size, 0) // 2) + 1 for n in x.shape[:2])
    return np.array(
        [
            [x[2 * i : 2 * i + size, 2 * j : 2 * j + size].max(axis=(0, 1)) for j in range(columns)]
            for i in range(rows)
        ]
    )


def plain(name: str, picture: np.ndarray) -> list[np.ndarray]:
    """The network as the paper draws it, in numpy: [box, (landmarks,) classes]."""
    layers = [a.astype(np.float64) for a in mtcnn.read(mtcnn.locate() / f"{name}.lz4")]
    pools = {"pnet": [2, 0, 0], "rnet": [3, 3, 0], "onet": [3, 3, 2, 0]}[name]
    x = (picture.astype(np.float64) - 127.5) / 128
    for size in pools:
        kernel, bias, slopes = layers[:3]
        layers = layers[3:]
        x = prelu(convolve(x, kernel, bias), slopes)
        x = pool(x, size) if size else x
    if name == "pnet":
        return [convolve(x, layers[i], layers[i + 1]) for i in (0, 2)]
    kernel, bias, slopes = layers[:3]
    flat = prelu(x.transpose(1, 0, 2).reshape(-1) @ kernel + bias, slopes)
    heads = layers[3:]
    return [flat @ heads[i] + heads[i + 1] for i in range(0, len(heads), 2)]


@pytest.mark.parametrize(("name", "side"), [("pnet", 31), ("rnet", 24), ("onet", 48)])
def test_the_rewrites_change_nothing(networks: dict[str, Network], name: str, side: int) -> None:
    picture = np.random.default_rng(7).uniform(0, 255, (side, side, 3)).astype(np.float32)
    *regressions, classes = plain(name, picture)
    wanted = np.concatenate([classes[..., 1:] - classes[..., :1], *regressions], axis=-1)
    (found,) = networks[name](picture.transpose(2, 0, 1)[None])
    found = found[0].transpose(1, 2, 0) if name == "pnet" else found[0]
    np.testing.assert_allclose(found, wanted, atol=2e-5)


@given(st.lists(st.floats(-3, 3), min_size=1, max_size=8), st.lists(st.floats(-9, 9), min_size=1))
def test_a_prelu_is_a_sum_with_a_rectifier(slopes: list[float], values: list[float]) -> None:
    a, y = np.array(slopes)[:, None], np.array(values)
    linear, rectified, factors = mtcnn._terms(a)
    found = factors * (linear * y + np.maximum(rectified * y, 0))
    np.testing.assert_allclose(found, prelu(y, a), atol=1e-12)


def test_the_reference_weights_give_the_same(networks: dict[str, Network], assets: Path) -> None:
    torch = pytest.importorskip("torch", reason="the oracle runs on torch")
    import reference_mtcnn as reference

    states = reference.load(assets / "weights" / "mtcnn-facenet")
    rng = np.random.default_rng(3)
    for name, shape in (
        ("pnet", (2, 3, 61, 84)),
        ("rnet", (5, 3, 24, 24)),
        ("onet", (5, 3, 48, 48)),
    ):
        batch = rng.uniform(0, 255, shape).astype(np.float32)
        wanted = getattr(reference, name)(states[name], torch.from_numpy(batch))
        (ours,) = networks[name](batch)
        np.testing.assert_allclose(1 / (1 + np.exp(-ours[:, 0])), wanted[0].numpy(), atol=1e-5)
        regressions = torch.cat(wanted[1:], dim=1).numpy()
        np.testing.assert_allclose(ours[:, 1:], regressions, atol=1e-5)


def test_weights_are_float32_arrays() -> None:
    arrays = mtcnn.read(mtcnn.locate() / "pnet.lz4")
    assert [a.shape for a in arrays[:3]] == [(3, 3, 3, 10), (10,), (1, 1, 10)]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


class _Attack:
    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder / "executed"),)


def test_a_pickle_cannot_call_anything(tmp_path: Path) -> None:
    path = packed(tmp_path / "pnet.lz4", pickle.dumps([_Attack(tmp_path)]))
    with pytest.raises(PackError, match="asks for"):
        mtcnn.read(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps({"a": 1}),
        pickle.dumps([1, 2]),
        pickle.dumps([np.zeros(3)]),
        pickle.dumps([np.array(["a"], dtype=object)]),
    ],
)
def test_anything_but_arrays_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PackError, match=r"pnet\.lz4"):
        mtcnn.read(packed(tmp_path / "pnet.lz4", content))


@pytest.mark.parametrize("keep", [0, 1, 100, 20_000])
def test_a_truncated_file_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "pnet.lz4"
    path.write_bytes((mtcnn.locate() / "pnet.lz4").read_bytes()[:keep])
    with pytest.raises(PackError):
        mtcnn.read(path)


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = io.BytesIO(lz4.frame.compress(b"\0" * (64 << 20)))
    (tmp_path / "pnet.lz4").write_bytes(bomb.getvalue())
    with pytest.raises(PackError, match="unpacks to more"):
        mtcnn.read(tmp_path / "pnet.lz4")


def test_another_networks_weights_are_refused(tmp_path: Path) -> None:
    for name in mtcnn.NETWORKS:
        content = (mtcnn.locate() / "rnet.lz4").read_bytes()
        (tmp_path / f"{name}.lz4").write_bytes(content)
    with pytest.raises(PackError, match="not the weights of pnet"):
        mtcnn.build(tmp_path, tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackError, match=r"pnet\.lz4.*No such file"):
        mtcnn.build(tmp_path, tmp_path)
