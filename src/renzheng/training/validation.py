"""Measurements of a network while it trains, by the same code that measures packs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from renzheng.datasets.training import open_source
from renzheng.errors import UnreadableImage
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.evaluation.sampling import first_pictures
from renzheng.training.dataset import Crops, to_input
from renzheng.types import Floats

_BATCH = 64


@dataclass(frozen=True, eq=False)
class ValidationSet:
    """Crops of people who are not trained on.

    Attributes
    ----------
    crops
        uint8 (n, size, size, 3) RGB.
    person
        int64 (n,): the person of each crop.
    """

    crops: np.ndarray
    person: np.ndarray

    @classmethod
    def read(cls, path: Path, size: int, max_pictures: int) -> ValidationSet:
        """Read at most `max_pictures` crops of each person; unreadable ones are left out."""
        source = open_source(path)
        reader = Crops(source, size, None, 0)
        labels = np.asarray(source.labels)
        crops, person = [], []
        for index in first_pictures(labels, max_pictures):
            try:
                crops.append(reader.crop(int(index)))
                person.append(int(labels[index]))
            except UnreadableImage:
                continue
        return cls(np.stack(crops), np.array(person))


@torch.no_grad()
def embed(
    backbone: nn.Module, crops: np.ndarray, mean: float, scale: float, device: torch.device
) -> Floats:
    """Embed crops, uint8 (n, size, size, 3) RGB, as unit embeddings, float32 (n, d)."""
    backbone.eval()
    rows = []
    for start in range(0, len(crops), _BATCH):
        part = torch.from_numpy(crops[start : start + _BATCH]).to(device)
        out = backbone(to_input(part, mean, scale)).float()
        rows.append(nn.functional.normalize(out, dim=1).cpu().numpy())
    return np.concatenate(rows).astype(np.float32)


def measure(people: ValidationSet, embedder: Callable[[np.ndarray], Floats]) -> Mapping[str, float]:
    """Measure error rates over all pairs of crops.

    Returns
    -------
    dict
        ``eer``, ``fnmr_at_fmr_1e-2``, ``auc``, and the mean distances ``within`` people and
        ``between`` people.
    """
    rows = embedder(people.crops)
    if not np.isfinite(rows).all():
        nan = float("nan")
        return {"eer": 1.0, "fnmr_at_fmr_1e-2": 1.0, "auc": nan, "within": nan}
    scores = compare_all(rows, people.person)
    weighted = WeightedScores(scores)
    return {
        "eer": weighted.equal_error_rate(),
        "fnmr_at_fmr_1e-2": weighted.fnmr_at_fmr(1e-2)[0],
        "auc": weighted.area_under_roc(),
        "within": float(scores.genuine.mean()) if len(scores.genuine) else float("nan"),
        "between": float(scores.impostor.mean()),
    }
