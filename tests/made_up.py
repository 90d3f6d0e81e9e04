"""Made-up people, crops and packs: embeddings drawn around a direction each, crops painted around a
pattern, a network that tells bright from dark.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pillow

from renzheng.models import packs
from renzheng.models.packs import Pack


def embeddings(
    people: int, pictures: int, *, spread: float = 0.6, dimension: int = 16, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """float32 (people * pictures, dimension) of unit length, and whose each is."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(people, dimension)), pictures, axis=0)
    rows = centres + spread * rng.normal(size=centres.shape)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float32), np.repeat(np.arange(people), pictures)


def paint(folder: Path, people: int, pictures: int, size: int = 150) -> None:
    """WHO/N.png: patterns that a network takes for crops; those of one person look alike."""
    rng = np.random.default_rng(people)
    for who in range(people):
        pattern = cv2.resize(rng.uniform(0, 255, (5, 5, 3)), (size, size))
        place = folder / f"person {who:02d}"
        place.mkdir(parents=True)
        for n in range(pictures):
            noisy = pattern + rng.normal(0, 25, pattern.shape)
            Pillow.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(place / f"{n}.png")


def liveness_pack(folder: Path, threshold: float = 0.5) -> Pack:
    """A pack whose network calls a face live where the picture around it is bright.

    Two networks of one kind; the probability of ``live`` is 1 / (1 + e^(-(mean - 90) / 10)) of the
    crop's mean blue value.
    """
    from onnx import TensorProto, helper, numpy_helper

    kernel = np.zeros((2, 3, 1, 1), np.float32)
    kernel[1, 0] = 0.1  # the first channel of BGR
    bias = np.array([0, -9], np.float32)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["crops"], ["mean"]),
            helper.make_node("Conv", ["mean", "kernel", "bias"], ["logits"]),
            helper.make_node("Flatten", ["logits"], ["flat"]),
            helper.make_node("Softmax", ["flat"], ["probabilities"]),
        ],
        "bright",
        [value("crops", TensorProto.FLOAT, ["n", 3, 24, 24])],
        [value("probabilities", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(kernel, "kernel"), numpy_helper.from_array(bias, "bias")],
    )
    opsets = [helper.make_opsetid("", 17)]
    network = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    scales = {"near.onnx": 1.5, "far.onnx": 3.0}
    manifest = {
        "name": "bright", "version": "1", "kind": "liveness", "licence": "CC0-1.0",
        "limits": ["It is made up."],
        "input": {
            "size": 24, "channels": "BGR", "mean": [0.0], "scale": 1.0,
            "networks": [{"file": f, "box_scale": s} for f, s in scales.items()],
        },
        "output": {"classes": ["attack", "live"], "live": "live", "threshold": threshold},
    }  # fmt: skip
    return packs.write(folder, dict.fromkeys(scales, network), manifest)


def small_embedder(
    folder: Path,
    *,
    template: str = "arcface-112",
    size: int = 112,
    dimension: int = 24,
    seed: int = 0,
    **more: object,
) -> Pack:
    """A pack of a small random network, whose weights lie in a file beside it; `more` changes its
    manifest.
    """
    from onnx import TensorProto, helper, numpy_helper

    from renzheng.models.graph import onnx_graph

    weights = np.random.default_rng(seed).normal(size=(dimension, 3, 8, 8)).astype(np.float32)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["crops", "weights"], ["map"], strides=[8, 8]),
            helper.make_node("Tanh", ["map"], ["curved"]),
            helper.make_node("GlobalAveragePool", ["curved"], ["mean"]),
            helper.make_node("Flatten", ["mean"], ["rows"]),
        ],
        "small",
        [value("crops", TensorProto.FLOAT, ["n", 3, size, size])],
        [value("rows", TensorProto.FLOAT, ["n", dimension])],
        [numpy_helper.from_array(weights, "weights")],
    )
    opsets = [helper.make_opsetid("", 17)]
    folder.mkdir(parents=True)
    scratch = folder / "embedder.onnx"
    onnx_graph.write(helper.make_model(graph, opset_imports=opsets, ir_version=8), scratch)
    files = {each.name: each.read_bytes() for each in folder.iterdir()}
    manifest = {
        "name": f"small-{seed}", "version": "1", "kind": "embedder", "licence": f"terms {seed}",
        "limits": ["It is made up."], "provenance": {"author": f"author {seed}"},
        "input": {
            "file": "embedder.onnx", "size": size, "channels": "RGB",
            "mean": [127.5], "scale": 1 / 127.5,
        },
        "embedding": {
            "dimension": dimension, "normalise": True, "mirror_average": True,
            "metric": "euclidean",
        },
        "alignment": {"template": template},
        **more,
    }  # fmt: skip
    return packs.write(folder / "pack", files, manifest)
