"""The cascade as the papers and facenet-pytorch run it, plainly, in torch: the oracle.

Zhang et al. 2016; weights from the state dicts that facenet-pytorch ships. One picture at a time,
no rewrite, no batching trick. Only what the tests need.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812

State = dict[str, torch.Tensor]


def load(folder: Path) -> dict[str, State]:
    return {
        name: torch.load(folder / f"{name}.pt", weights_only=True)
        for name in ("pnet", "rnet", "onet")
    }


def _block(x: torch.Tensor, s: State, number: int) -> torch.Tensor:
    x = F.conv2d(x, s[f"conv{number}.weight"], s[f"conv{number}.bias"])
    return F.prelu(x, s[f"prelu{number}.weight"])


def _pool(x: torch.Tensor, size: int) -> torch.Tensor:
    return F.max_pool2d(x, size, 2, ceil_mode=True)


def _flat(x: torch.Tensor) -> torch.Tensor:
    return x.permute(0, 3, 2, 1).flatten(1)


def _dense(x: torch.Tensor, s: State, name: str) -> torch.Tensor:
    return F.linear(x, s[f"{name}.weight"], s[f"{name}.bias"])


@torch.inference_mode()
def pnet(s: State, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = (x - 127.5) / 128
    x = _pool(_block(x, s, 1), 2)
    x = _block(_block(x, s, 2), s, 3)
    classes = F.conv2d(x, s["conv4_1.weight"], s["conv4_1.bias"]).softmax(1)
    return classes[:, 1], F.conv2d(x, s["conv4_2.weight"], s["conv4_2.bias"])


@torch.inference_mode()
def rnet(s: State, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    x = (x - 127.5) / 128
    x = _pool(_block(x, s, 1), 3)
    x = _pool(_block(x, s, 2), 3)
    x = F.prelu(_dense(_flat(_block(x, s, 3)), s, "dense4"), s["prelu4.weight"])
    return _dense(x, s, "dense5_1").softmax(1)[:, 1], _dense(x, s, "dense5_2")


@torch.inference_mode()
def onet(s: State, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x = (x - 127.5) / 128
    x = _pool(_block(x, s, 1), 3)
    x = _pool(_block(x, s, 2), 3)
    x = _pool(_block(x, s, 3), 2)
    x = F.prelu(_dense(_flat(_block(x, s, 4)), s, "dense5"), s["prelu5.weight"])
    return (
        _dense(x, s, "dense6_1").softmax(1)[:, 1],
        _dense(x, s, "dense6_2"),
        _dense(x, s, "dense6_3"),
    )


def area(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """torch's 'area' resampling of a uint8 (H, W, 3) picture, to float32."""
    x = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].float()
    y = F.interpolate(x, size=(height, width), mode="area")
    return y[0].permute(1, 2, 0).numpy()


def _suppress(boxes: np.ndarray, scores: np.ndarray, threshold: float, smaller: bool) -> list[int]:
    x1, y1, x2, y2 = boxes.T
    areas = (x2 - x1 + 1) * (y2 - y1 + 1)
    order, keep = list(np.argsort(-scores, kind="stable")), []
    while order:
        best = order.pop(0)
        keep.append(int(best))
        rest = []
        for i in order:
            w = max(0, min(x2[best], x2[i]) - max(x1[best], x1[i]) + 1)
            h = max(0, min(y2[best], y2[i]) - max(y1[best], y1[i]) + 1)
            shared = w * h
            base = min(areas[best], areas[i]) if smaller else areas[best] + areas[i] - shared
            if shared / base <= threshold:
                rest.append(i)
        order = rest
    return keep


def _square(boxes: np.ndarray) -> np.ndarray:
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    side = np.maximum(w, h)
    x, y = boxes[:, 0] + w / 2 - side / 2, boxes[:, 1] + h / 2 - side / 2
    return np.stack([x, y, x + side, y + side], 1)


def _regress(boxes: np.ndarray, by: np.ndarray, extra: float) -> np.ndarray:
    w, h = boxes[:, 2] - boxes[:, 0] + extra, boxes[:, 3] - boxes[:, 1] + extra
    return boxes + by * np.stack([w, h, w, h], 1)


def _cut(image: np.ndarray, box: np.ndarray, side: int, resample: Callable) -> np.ndarray | None:
    # facenet-pytorch's pad(): truncate, clip to the picture, and resize what is inside
    x1, y1, x2, y2 = (int(v) for v in np.trunc(box))
    x1, y1 = max(x1, 1), max(y1, 1)
    x2, y2 = min(x2, image.shape[1]), min(y2, image.shape[0])
    part = image[y1 - 1 : y2, x1 - 1 : x2]
    return resample(part, side, side) if part.size else None


def detect(
    states: dict[str, State],
    image: np.ndarray,
    min_face_size: int = 20,
    factor: float = 0.709,
    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
    resample: Callable = area,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes (n, 4), scores (n,) and landmarks (n, 5, 2)."""
    height, width = image.shape[:2]
    found, scores = [], []
    scale = 12 / min_face_size
    while min(height, width) * scale >= 12:
        level = resample(image, int(height * scale + 1), int(width * scale + 1))
        x = torch.from_numpy(np.ascontiguousarray(level, np.float32)).permute(2, 0, 1)[None]
        probability, regression = (t[0].numpy() for t in pnet(states["pnet"], x))
        rows, columns = np.nonzero(probability >= thresholds[0])
        if len(rows):
            corner = np.stack([columns, rows], 1).astype(np.float32)
            boxes = np.concatenate(
                [np.floor((2 * corner + 1) / scale), np.floor((2 * corner + 12) / scale)], 1
            )
            score = probability[rows, columns]
            keep = _suppress(boxes, score, 0.5, smaller=False)
            found.append(np.concatenate([boxes, regression[:, rows, columns].T], 1)[keep])
            scores.append(score[keep])
        scale *= factor
    if not found:
        return np.empty((0, 4)), np.empty(0), np.empty((0, 5, 2))
    rows_, score = np.concatenate(found), np.concatenate(scores)
    keep = _suppress(rows_[:, :4], score, 0.7, smaller=False)
    boxes = _square(_regress(rows_[keep, :4], rows_[keep, 4:], 0))
    for stage, side in (("rnet", 24), ("onet", 48)):
        cuts = [_cut(image, box, side, resample) for box in boxes]
        inside = [i for i, cut in enumerate(cuts) if cut is not None]
        if not inside:
            return np.empty((0, 4)), np.empty(0), np.empty((0, 5, 2))
        boxes = boxes[inside]
        x = torch.from_numpy(np.stack([np.asarray(cuts[i], np.float32) for i in inside])).permute(
            0, 3, 1, 2
        )
        if stage == "rnet":
            score, regression = (t.numpy() for t in rnet(states["rnet"], x))
            good = score > thresholds[1]
            boxes, score, regression = boxes[good], score[good], regression[good]
            keep = _suppress(boxes, score, 0.7, smaller=False)
            boxes = _square(_regress(boxes[keep], regression[keep], 1))
    score, regression, points = (t.numpy() for t in onet(states["onet"], x))
    good = score > thresholds[2]
    boxes, score, regression, points = boxes[good], score[good], regression[good], points[good]
    size = boxes[:, 2:] - boxes[:, :2] + 1
    landmarks = np.stack(
        [
            boxes[:, :1] + points[:, :5] * size[:, :1] - 1,
            boxes[:, 1:2] + points[:, 5:] * size[:, 1:] - 1,
        ],
        2,
    )
    boxes = _regress(boxes, regression, 1)
    keep = _suppress(boxes, score, 0.7, smaller=True)
    return boxes[keep], score[keep], landmarks[keep]
