"""The effect of each loss on distances under one budget: same network, data, batches and steps.

    renzheng train prepare LFW CROPS/lfw
    python benchmarks/losses.py --train CROPS/train --test CROPS/test --lfw LFW \\
        --crops CROPS/lfw --out OUT

TEST has other pictures of the people of TRAIN, on which a loss must reach its aim. LFW View 2 shows
other people. Both are measured without mirror images, with the network after the last step. Every
method runs with three seeds; runs whose results are in OUT are not repeated. The plot shows TEST's
distances before training (the network's first weights) and after it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from renzheng import images
from renzheng.datasets import lfw
from renzheng.datasets.types import Pairs
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.error_rates import fold_accuracy
from renzheng.evaluation.comparisons.scores import Scores, pair_distances
from renzheng.evaluation.comparisons.weighted import WeightedScores
from renzheng.training import validation
from renzheng.training.recipe import parse
from renzheng.training.trainer import Trainer

SIZE, DIMENSION = 64, 128
METHODS: dict[str, list[dict]] = {
    "softmax": [{"kind": "softmax"}],
    "softmax + center": [{"kind": "softmax"}, {"kind": "center", "weight": 1.0}],
    "triplet, random": [{"kind": "triplet", "mining": "random"}],
    "triplet, semi-hard": [{"kind": "triplet", "mining": "semi-hard"}],
    "triplet, batch-hard": [{"kind": "triplet", "mining": "batch-hard"}],
    "arcface": [{"kind": "arcface", "margin": 0.3, "scale": 32.0}],
    "distillation": [{"kind": "distillation", "pack": "dlib-resnet"}],
}


def recipe(method: str, seed: int, sources: list[str], steps: int, workers: int):
    return parse(
        {
            "run": {"epochs": 1000, "steps": steps, "seed": seed, "precision": "bf16"},
            "data": {"sources": sources, "workers": workers},
            "model": {"backbone": "resnet-18", "size": SIZE, "dimension": DIMENSION},
            "batch": {"people": 16, "pictures": 4},
            "loss": METHODS[method],
            "optimiser": {"kind": "adamw", "learning_rate": 1e-3},
            "schedule": {"kind": "cosine", "warmup": 0.05},
            "augmentation": {"flip": 0.5, "shift": 0.5, "colour": 0.2},
        }
    )


def lfw_crops(pairs: Pairs, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the available crops, and the indices of their pictures."""
    import cv2

    crops, known = [], []
    for index, picture in enumerate(pairs.pictures):
        path = folder / picture.name[:-5] / f"{picture.name}.png"
        if path.is_file():
            crop = images.read(path)
            crops.append(cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA))
            known.append(index)
    return np.stack(crops), np.array(known)


def embed(trainer: Trainer, crops: np.ndarray) -> np.ndarray:
    kind = trainer.module.kind
    return validation.embed(trainer.network, crops, kind.mean, kind.scale, trainer.device)


def distances_of(trainer: Trainer, pairs: Pairs, crops: np.ndarray, known: np.ndarray):
    rows = np.full((len(pairs.pictures), DIMENSION), np.nan, np.float32)
    rows[known] = embed(trainer, crops)
    return rows


def measure(pairs: Pairs, rows: np.ndarray, test: Scores) -> dict[str, float]:
    distance = pair_distances(pairs, rows)
    return {
        "accuracy": fold_accuracy(distance, pairs.same, pairs.folds).mean,
        "eer": WeightedScores(Scores.of_pairs(pairs, distance)).equal_error_rate(),
        "test_eer": WeightedScores(test).equal_error_rate(),
        "within": float(test.genuine.mean()),
        "between": float(test.impostor.mean()),
    }


def run(arguments: argparse.Namespace) -> None:
    pairs = lfw.read(arguments.lfw)
    crops, known = lfw_crops(pairs, arguments.crops)
    probe = validation.ValidationSet.read(arguments.test, SIZE, 1000)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        for method in METHODS:
            result = arguments.out / f"{name_of(method)}-{seed}.json"
            if result.exists():
                continue
            folder = arguments.out / f"{name_of(method)}-{seed}"
            folder.mkdir(exist_ok=True)
            sources = [str(arguments.train)]
            made = recipe(method, seed, sources, arguments.steps, arguments.workers)
            trainer = Trainer(made, folder, tell=print, cache=arguments.cache)
            before = None
            if method == next(iter(METHODS)):  # a seed's first weights are the same for all
                test = compare_all(embed(trainer, probe.crops), probe.person)
                before = measure(pairs, distances_of(trainer, pairs, crops, known), test)
                keep(test, folder / "before.npz")
            start = time.perf_counter()
            trainer.run()
            seconds = time.perf_counter() - start
            test = compare_all(embed(trainer, probe.crops), probe.person)
            keep(test, folder / "after.npz")
            row = {
                "method": method, "seed": seed, "seconds": seconds, "before": before,
                **measure(pairs, distances_of(trainer, pairs, crops, known), test),
            }  # fmt: skip
            for path in folder.glob("*.pt"):
                path.unlink()
            result.write_text(json.dumps(row))
            print(json.dumps(row), flush=True)


def keep(test: Scores, path: Path) -> None:
    np.savez_compressed(
        path,
        genuine=test.genuine[::5].astype(np.float16),
        impostor=test.impostor[::50].astype(np.float16),
    )


def table(out: Path) -> str:
    rows = [json.loads(path.read_text()) for path in out.glob("*.json")]
    lines = [
        "| loss | within people | between people | within / between | EER, the same people | "
        "LFW 10-fold | LFW EER | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]

    def shown(values: list[float], scale: float, unit: str, digits: int) -> str:
        spread = np.std(values, ddof=1) if len(values) > 1 else 0
        return f"{scale * np.mean(values):.{digits}f} ± {scale * spread:.{digits}f}{unit}"

    first = [row["before"] for row in rows if row["before"]]
    entries = [("first weights, untrained", first)]
    entries += [(m, [r for r in rows if r["method"] == m]) for m in METHODS]
    for name, found in entries:
        if found:
            seconds = "-" if found is first else f"{np.mean([r['seconds'] for r in found]):.0f}"
            cells = [
                shown([r["within"] for r in found], 1, "", 3),
                shown([r["between"] for r in found], 1, "", 3),
                shown([r["within"] / r["between"] for r in found], 1, "", 3),
                shown([r["test_eer"] for r in found], 100, " %", 1),
                shown([r["accuracy"] for r in found], 100, " %", 1),
                shown([r["eer"] for r in found], 100, " %", 1),
                seconds,
            ]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot(out: Path, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "renzheng"
    from matplotlib import pyplot

    shown = [m for m in METHODS if (out / f"{name_of(m)}-0" / "after.npz").exists()]
    files = [("first weights", out / f"{name_of(shown[0])}-0" / "before.npz")]
    files += [(m, out / f"{name_of(m)}-0" / "after.npz") for m in shown]
    figure, grid = pyplot.subplots(len(files), 1, figsize=(7, 1.2 * len(files)), sharex=True)
    edges = np.linspace(0, 2, 101)
    for axes, (name, file) in zip(grid, files, strict=True):
        with np.load(file) as stored:
            for kind, colour, label in (
                ("genuine", "#15734c", "one person"), ("impostor", "#a1482d", "two people"),
            ):  # fmt: skip
                axes.hist(
                    stored[kind].astype(float), edges, density=True, histtype="stepfilled",
                    color=colour, alpha=0.6,
                    label=label,
                )  # fmt: skip
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    grid[0].legend(frameon=False, fontsize=9)
    grid[-1].set_xlabel("distance between unit embeddings, new pictures of the people trained on")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def name_of(method: str) -> str:
    return method.replace(", ", "-").replace(" + ", "-")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, required=True, metavar="CROPS")
    parser.add_argument("--test", type=Path, required=True, metavar="CROPS")
    parser.add_argument("--lfw", type=Path, required=True, help="holds pairs.txt and the pictures")
    parser.add_argument("--crops", type=Path, required=True, help="LFW's aligned crops")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="file of the teacher's embeddings")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    run(arguments)
    print(table(arguments.out))
    if arguments.plot:
        plot(arguments.out, arguments.plot)


if __name__ == "__main__":
    main()
