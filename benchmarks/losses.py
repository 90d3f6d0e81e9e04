"""What each loss does to the distances, under one budget: same network, data, batches, steps.

    renzheng train prepare GLINT CROPS/glint      # and so on, for the training pictures
    renzheng train prepare LFW CROPS/lfw
    python benchmarks/losses.py --train CROPS/glint CROPS/celeba --lfw LFW \\
        --crops CROPS/lfw --out OUT

Every method runs with three seeds; what is done already in OUT is not done again. LFW View 2 is
measured as `renzheng evaluate lfw` does, with the network that the last step leaves. The plot shows
the distances of LFW's pairs before training (the network's first weights) and after it.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np

from renzheng import images
from renzheng.evaluation.metrics import fold_accuracy
from renzheng.evaluation.protocols import lfw
from renzheng.evaluation.scores import Scores, pair_distances
from renzheng.evaluation.trial import Pairs
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
            "batch": {"people": 32, "pictures": 2},
            "loss": METHODS[method],
            "optimiser": {"kind": "adamw", "learning_rate": 1e-3},
            "schedule": {"kind": "cosine", "warmup": 0.05},
            "augmentation": {"flip": 0.5, "shift": 0.5, "colour": 0.2},
        }
    )


def lfw_crops(pairs: Pairs, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The crops that there are, and which pictures they are of."""
    import cv2

    crops, known = [], []
    for index, picture in enumerate(pairs.pictures):
        path = folder / picture.name[:-5] / f"{picture.name}.png"
        if path.is_file():
            crop = images.read(path)
            crops.append(cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA))
            known.append(index)
    return np.stack(crops), np.array(known)


def distances_of(trainer: Trainer, pairs: Pairs, crops: np.ndarray, known: np.ndarray):
    kind = trainer.learner.kind
    found = validation.embed(trainer.network(), crops, kind.mean, kind.scale, trainer.device)
    rows = np.full((len(pairs.pictures), DIMENSION), np.nan, np.float32)
    # A crop and its mirror image, as packs do.
    mirrored = validation.embed(
        trainer.network(), np.ascontiguousarray(crops[:, :, ::-1]), kind.mean, kind.scale,
        trainer.device,
    )  # fmt: skip
    both = found + mirrored
    rows[known] = both / np.linalg.norm(both, axis=1, keepdims=True)
    return rows


def measure(pairs: Pairs, rows: np.ndarray) -> dict[str, float]:
    from renzheng.evaluation.bootstrap import Weighted

    apart = pair_distances(pairs, rows)
    weighted = Weighted(Scores.of_pairs(pairs, rows))
    same = pairs.same & np.isfinite(apart)
    other = ~pairs.same & np.isfinite(apart)
    return {
        "accuracy": fold_accuracy(apart, pairs.same, pairs.folds).mean,
        "eer": weighted.equal_error_rate(),
        "within": float(apart[same].mean()),
        "between": float(apart[other].mean()),
    }


def run(arguments: argparse.Namespace) -> None:
    pairs = lfw.read(arguments.lfw)
    crops, known = lfw_crops(pairs, arguments.crops)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in range(arguments.seeds):
        for method in METHODS:
            name = f"{method.replace(', ', '-').replace(' + ', '-')}-{seed}"
            result = arguments.out / f"{name}.json"
            if result.exists():
                continue
            folder = arguments.out / name
            folder.mkdir(exist_ok=True)
            sources = [str(p) for p in arguments.train]
            made = recipe(method, seed, sources, arguments.steps, arguments.workers)
            trainer = Trainer(made, folder, tell=print, cache=arguments.cache)
            before = None
            if method == next(iter(METHODS)):  # a seed's first weights are the same for all
                before = distances_of(trainer, pairs, crops, known)
            start = time.perf_counter()
            trainer.run()
            seconds = time.perf_counter() - start
            after = distances_of(trainer, pairs, crops, known)
            stored = {"after": pair_distances(pairs, after), "same": pairs.same}
            if before is not None:
                stored["before"] = pair_distances(pairs, before)
            np.savez(folder / "distances.npz", **stored)
            for path in folder.glob("*.pt"):
                path.unlink()
            row = {
                "method": method, "seed": seed, "seconds": seconds, **measure(pairs, after),
                "before": None if before is None else measure(pairs, before),
            }  # fmt: skip
            result.write_text(json.dumps(row))
            print(json.dumps(row), flush=True)


def table(out: Path) -> str:
    rows = [json.loads(path.read_text()) for path in out.glob("*.json")]
    lines = [
        "| loss | LFW 10-fold accuracy | EER | within | between | within / between | seconds |",
        "|---|---|---|---|---|---|---|",
    ]

    def shown(values: list[float], scale: float, unit: str, digits: int) -> str:
        spread = np.std(values, ddof=1) if len(values) > 1 else 0
        return f"{scale * np.mean(values):.{digits}f} ± {scale * spread:.{digits}f}{unit}"

    first = [row["before"] for row in rows if row["before"]]
    entries = [("first weights, untrained", first, None)]
    entries += [(m, [r for r in rows if r["method"] == m], "seconds") for m in METHODS]
    for name, found, seconds in entries:
        if found:
            ratio = [r["within"] / r["between"] for r in found]
            lines.append(
                f"| {name} | {shown([r['accuracy'] for r in found], 100, ' %', 1)} "
                f"| {shown([r['eer'] for r in found], 100, ' %', 1)} "
                f"| {shown([r['within'] for r in found], 1, '', 3)} "
                f"| {shown([r['between'] for r in found], 1, '', 3)} "
                f"| {shown(ratio, 1, '', 3)} "
                f"| {'-' if seconds is None else round(np.mean([r[seconds] for r in found]))} |"
            )
    return "\n".join(lines)


def plot(out: Path, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "renzheng"
    from matplotlib import pyplot

    shown = [m for m in METHODS if (out / f"{_name(m)}-0" / "distances.npz").exists()]
    figure, grid = pyplot.subplots(
        len(shown) + 1, 1, figsize=(7, 1.25 * (len(shown) + 1)), sharex=True
    )
    edges = np.linspace(0, 2, 101)
    for axes, name in zip(grid, ["first weights, untrained", *shown], strict=True):
        stored = np.load(out / f"{_name(shown[0] if name not in shown else name)}-0/distances.npz")
        apart = stored["after" if name in shown else "before"]
        for same, colour, label in ((True, "#15734c", "one person"), (False, "#a1482d", "two")):
            chosen = apart[(stored["same"] == same) & np.isfinite(apart)]
            axes.hist(chosen, edges, density=True, color=colour, alpha=0.6, label=label)
        axes.set_yticks([])
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
        for side in ("top", "right", "left"):
            axes.spines[side].set_visible(False)
    grid[0].legend(frameon=False, fontsize=9)
    grid[-1].set_xlabel("distance between unit embeddings, LFW View 2, seed 0")
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})


def _name(method: str) -> str:
    return method.replace(", ", "-").replace(" + ", "-")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, nargs="+", required=True, metavar="CROPS")
    parser.add_argument("--lfw", type=Path, required=True, help="holds pairs.txt and the pictures")
    parser.add_argument("--crops", type=Path, required=True, help="LFW's aligned crops")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="file of the teacher's embeddings")
    parser.add_argument("--steps", type=int, default=400)
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
