"""Measuring a network while it trains, by the same code that measures packs."""

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
from renzheng.evaluation.searches.enrolment import first_pictures
from renzheng.evaluation.statistics.bootstrap import Weighted
from renzheng.training.dataset import Crops, as_input
from renzheng.types import Floats

_BATCH = 64


@dataclass(frozen=True, eq=False)
class Probe:
    """People to measure on.

    Attributes
    ----------
    crops
        uint8 (n, size, size, 3) RGB.
    person
        int64 (n,)
    """

    crops: np.ndarray
    person: np.ndarray

    @classmethod
    def read(cls, source: Path, size: int, most: int) -> Probe:
        """Read a source's crops, at most so many of each person; unreadable ones are left out."""
        opened = open_source(source)
        reader = Crops(opened, size, None, 0)
        labels = np.asarray(opened.labels)
        crops, person = [], []
        for index in first_pictures(labels, most):
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
    """Unit embeddings of crops: float32 (n, d)."""
    backbone.eval()
    rows = []
    for start in range(0, len(crops), _BATCH):
        part = torch.from_numpy(crops[start : start + _BATCH]).to(device)
        out = backbone(as_input(part, mean, scale)).float()
        rows.append(nn.functional.normalize(out, dim=1).cpu().numpy())
    return np.concatenate(rows).astype(np.float32)


def measure(probe: Probe, embedder: Callable[[np.ndarray], Floats]) -> Mapping[str, float]:
    """Error rates of everyone against everyone.

    Returns
    -------
    dict
        ``eer``, ``fnmr_at_fmr_1e-2``, ``auc``, and the mean distances ``within`` people and
        ``between`` people.
    """
    rows = embedder(probe.crops)
    if not np.isfinite(rows).all():
        nothing = float("nan")
        return {"eer": 1.0, "fnmr_at_fmr_1e-2": 1.0, "auc": nothing, "within": nothing}
    scores = compare_all(rows, probe.person)
    weighted = Weighted(scores)
    return {
        "eer": weighted.equal_error_rate(),
        "fnmr_at_fmr_1e-2": weighted.fnmr_at_fmr(1e-2)[0],
        "auc": weighted.area_under_roc(),
        "within": float(scores.genuine.mean()) if len(scores.genuine) else float("nan"),
        "between": float(scores.impostor.mean()),
    }
