"""The cascade's speed beside facenet-pytorch's, on the same pictures with the same smallest face.

    pip install --no-deps facenet-pytorch      # and torch
    python benchmarks/detection.py --assets ../shared/assets [--backend openvino] [--rounds 7]

Without --assets it takes scikit-image's public-domain portrait alone. facenet-pytorch wants
torchvision for non-maximum suppression and nothing else here; where that cannot be had, OpenCV's
takes its place, which is compiled as well. Both have their default threads.

Each has a process of its own, as in use: torch's threads go on spinning after a call, and in one
process they take a fifth of the other's speed. They take turns of four looks at a picture, of which
the first is left out, and rest in between. Printed is the median over pictures of the ratio of
medians.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
import types
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from renzheng import images
from renzheng.faces.detection import Detector
from renzheng.models import packs

SIZES = ((640, 480), (1280, 720), (1920, 1080))


def suppression(boxes: Any, scores: Any, indices: Any, threshold: float) -> Any:
    """torchvision.ops.boxes.batched_nms, by OpenCV."""
    import torch

    if not len(boxes):
        return torch.zeros(0, dtype=torch.long)
    corners = boxes.numpy().astype(np.float64)
    corners[:, 2:] -= corners[:, :2]
    of = indices.numpy().astype(np.int32)
    keep = np.array(cv2.dnn.NMSBoxesBatched(corners, scores.numpy(), of, 0.0, threshold), np.int64)
    keep = keep.reshape(-1)
    return torch.from_numpy(keep[np.argsort(-scores.numpy()[keep], kind="stable")])


def peer() -> Callable[[np.ndarray], list[np.ndarray]]:
    if importlib.util.find_spec("torchvision") is None:
        names = ("", ".transforms", ".transforms.functional", ".ops", ".ops.boxes")
        made = {f"torchvision{name}": types.ModuleType(f"torchvision{name}") for name in names}
        made["torchvision.transforms"].functional = made["torchvision.transforms.functional"]  # type: ignore[attr-defined]
        made["torchvision.ops.boxes"].batched_nms = suppression  # type: ignore[attr-defined]
        sys.modules.update(made)
    import torch
    from facenet_pytorch import MTCNN

    cascade = MTCNN(min_face_size=20, keep_all=True, device="cpu")

    def detect(pictures: np.ndarray) -> list[np.ndarray]:
        with torch.inference_mode():
            found = cascade.detect(pictures, landmarks=True)[0]
        found = found if pictures.ndim == 4 else [found]
        return [np.empty((0, 4)) if boxes is None else np.array(boxes, float) for boxes in found]

    return detect


def covering(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """The middle of a picture, scaled until it covers this size."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    size = [
        max(a, round(b * scale)) for a, b in zip((width, height), picture.shape[1::-1], strict=True)
    ]
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(picture, size, interpolation=way)
    top, left = (scaled.shape[0] - height) // 2, (scaled.shape[1] - width) // 2
    return np.ascontiguousarray(scaled[top : top + height, left : left + width])


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    sides = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    shared = float(np.prod(sides))
    return shared / (float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared)


def best_overlaps(
    wanted: Sequence[np.ndarray] | np.ndarray, found: Sequence[np.ndarray] | np.ndarray
) -> list[float]:
    """Of each wanted box, with the found one that shares most with it."""
    return [max((overlap(box, one) for box in found), default=0.0) for one in wanted]


def serve(connection: Connection, backend: str | None, theirs: bool) -> None:
    """Look at what comes, some times over, and answer with boxes and seconds."""
    if theirs:
        detect = peer()
    else:
        detector = Detector.from_folder(packs.load("mtcnn").folder, backend=backend)

        def detect(pictures: np.ndarray) -> list[np.ndarray]:
            many = list(pictures) if pictures.ndim == 4 else [pictures]
            found = detector.detect_batch(many)
            return [np.array([f.box for f in faces]).reshape(-1, 4) for faces in found]

    connection.send(None)
    while True:
        task = connection.recv()
        if task is None:
            return
        pictures, times = task
        boxes = detect(pictures)
        seconds = []
        for _ in range(times):
            start = time.perf_counter()
            detect(pictures)
            seconds.append(time.perf_counter() - start)
        connection.send((boxes, seconds))


def turns(
    sides: Sequence[Connection], pictures: np.ndarray, rounds: int, looks: int
) -> tuple[list[list[np.ndarray]], list[float]]:
    """What each finds, and the median of its seconds."""
    boxes: list[list[np.ndarray]] = [[], []]
    seconds: list[list[float]] = [[], []]
    for _ in range(rounds):
        for k, side in enumerate(sides):
            side.send((pictures, looks))
            boxes[k], taken = side.recv()
            seconds[k] += taken
            time.sleep(0.02)  # until idle threads sleep
    return boxes, [statistics.median(each) for each in seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--backend")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    if arguments.assets is None:
        from skimage import data

        pictures = [data.astronaut()]
        many = [data.astronaut()] * 32
    else:
        pictures = [images.read(p) for p in sorted((arguments.assets / "photos").glob("*.jpg"))]
        lfw = sorted((arguments.assets / "lfw" / "lfw-deepfunneled").glob("*/*_0001.jpg"))
        many = [images.read(path) for path in lfw[:: len(lfw) // 32][:32]]
    start = get_context("spawn")
    sides = []
    for theirs in (True, False):
        here, there = start.Pipe()
        start.Process(target=serve, args=(there, arguments.backend, theirs), daemon=True).start()
        here.recv()
        sides.append(here)
    print(
        f"{'pictures':<26}{'theirs ms':>10}{'ours ms':>9}{'ratio':>8}{'least':>8}"
        f"{'faces':>10}{'IoU':>8}"
    )
    for width, height in SIZES:
        rows, best, counts = [], [], [0, 0]
        for picture in pictures:
            scene = covering(picture, width, height)
            ((wanted,), (found,)), medians = turns(sides, scene, arguments.rounds, 3)
            best += best_overlaps(wanted, found)
            counts = [counts[0] + len(wanted), counts[1] + len(found)]
            rows.append(medians)
        ratios = [a / b for a, b in rows]
        middle = [1e3 * statistics.median(times) for times in zip(*rows, strict=True)]
        print(
            f"{f'{len(pictures)} of {width} x {height}':<26}{middle[0]:>10.1f}{middle[1]:>9.1f}"
            f"{statistics.median(ratios):>7.2f}x{min(ratios):>7.2f}x"
            f"{f'{counts[0]}, {counts[1]}':>10}{np.median(best):>8.3f}"
        )
    batch = np.stack([covering(picture, *SIZES[0]) for picture in many])
    boxes, (first, second) = turns(sides, batch, max(3, arguments.rounds // 2), 1)
    counts = [sum(map(len, each)) for each in boxes]
    best = [one for pair in zip(*boxes, strict=True) for one in best_overlaps(*pair)]
    print(
        f"{f'{len(many)} of 640 x 480, at once':<26}{1e3 * first:>10.1f}{1e3 * second:>9.1f}"
        f"{first / second:>7.2f}x{'':>8}{f'{counts[0]}, {counts[1]}':>10}{np.median(best):>8.3f}"
    )
    for side in sides:
        side.send(None)


if __name__ == "__main__":
    main()
