"""Every backbone: torch beside the exported network in float and in 8 bits, and what 8 bits cost.

    python benchmarks/backbones.py [--only NAME ...] [--threads 1 2] [--batch 1 16]
    python benchmarks/backbones.py --lfw LFW --people CELEBA [--pack PACK ...]

Speed: weights are random, normalisations have seen two batches. torch runs eagerly in inference
mode; the exported networks run by `renzheng.models.runtime.Network`. All run in turn in one process
with the same number of threads, and medians of the rounds are compared. With `--operators NAME` it
prints where onnxruntime's time goes instead.

Accuracy: LFW View 2 with each pack in float and in 8 bits. Ranges are measured on faces of
`--people` (never on LFW). Both see the same folds, so the difference has a standard error too.
"""

from __future__ import annotations

import argparse
import collections
import json
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from renzheng.models.runtime import Network

_SPAN_S = 0.12  # a measurement repeats a call for as long


def networks(name: str, folder: Path) -> tuple[object, int, list[Path]]:
    """Return the module, its input side in pixels, and its files.

    The files are the network as torch writes it, rewritten, and in 8 bits.
    """
    import onnx
    import torch

    from renzheng.models.graph import quantisation
    from renzheng.training import backbones, export

    torch.manual_seed(0)
    backbone, _, option = name.partition(":")
    kind = backbones.get(backbone)
    network = kind.build(**({"activation": option} if option else {}))
    side = kind.input_size
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            part.momentum = None  # the plain average of what it sees
        elif isinstance(part, torch.nn.PReLU):
            torch.nn.init.uniform_(part.weight, -0.1, 0.6)
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(torch.randn(8, 3, side, side) * 0.5)
    network.eval()
    files = [folder / f"{kind}.onnx" for kind in ("plain", "rewritten", "int8")]
    export.write_onnx(network, side, files[0], rewrite=False)
    export.write_onnx(network, side, files[1])
    rng = np.random.default_rng(0)
    crops = [rng.normal(0, 0.5, (4, 3, side, side)).astype(np.float32) for _ in range(4)]
    onnx.save(quantisation.quantise(onnx.load(files[0]), lambda: crops), files[2])
    return network, side, files


def in_turn(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each call."""
    repeats = []
    for call in calls:
        call()
        start = time.perf_counter()
        call()
        repeats.append(max(1, int(_SPAN_S / (time.perf_counter() - start))))
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, count, kept in zip(calls, repeats, times, strict=True):
            start = time.perf_counter()
            for _ in range(count):
                call()
            kept.append((time.perf_counter() - start) / count)
    return [statistics.median(kept) for kept in times]


def speed(arguments: argparse.Namespace) -> None:
    import torch

    from renzheng.training import backbones

    names = arguments.only or [*backbones.BACKBONES, "mobilefacenet:leaky"]
    for threads in arguments.threads:
        print(f"\nThreads: {threads}\n")
        print(
            "| backbone | multiply-adds | batch | torch, ms a picture | as exported by torch "
            "| rewritten | int8 | torch / rewritten | torch / int8 |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        torch.set_num_threads(threads)
        for name in names:
            cost = backbones.get(name.partition(":")[0]).cost()
            with tempfile.TemporaryDirectory() as scratch:
                module, side, files = networks(name, Path(scratch))
                runs = [Network(file, threads) for file in files]
            for batch in arguments.batch:
                pictures = torch.randn(batch, 3, side, side) * 0.5
                given = pictures.numpy()

                def eager(module=module, pictures=pictures) -> None:
                    with torch.inference_mode():
                        module(pictures)

                calls = [eager, *(lambda n=n, given=given: n(given) for n in runs)]
                times = [t / batch * 1e3 for t in in_turn(calls, arguments.rounds)]
                cells = " | ".join(f"{t:.2f}" for t in times)
                ratios = " | ".join(f"{times[0] / t:.2f}" for t in times[2:])
                print(
                    f"| {name} | {cost.multiply_adds / 1e9:.2f} G | {batch} | {cells} | {ratios} |",
                    flush=True,
                )


def operators(name: str) -> None:
    """Where onnxruntime's time goes, one thread, one picture."""
    import onnxruntime as ort

    print("| network | operator | share of the time | nodes |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as scratch:
        _, side, files = networks(name, Path(scratch))
        for file in files:
            options = ort.SessionOptions()
            options.intra_op_num_threads = 1
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(scratch) / "profile")
            session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
            picture = np.random.default_rng(0).normal(size=(1, 3, side, side)).astype(np.float32)
            for _ in range(10):
                session.run(None, {"crops": picture})
            spent: collections.Counter[str] = collections.Counter()
            nodes: collections.defaultdict[str, set[str]] = collections.defaultdict(set)
            for event in json.loads(Path(session.end_profiling()).read_text()):
                if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
                    spent[event["args"]["op_name"]] += event["dur"]
                    nodes[event["args"]["op_name"]].add(event["name"])
            for kind, span in spent.most_common(5):
                share = span / spent.total()
                print(f"| {name}, {file.stem} | {kind} | {share:.0%} | {len(nodes[kind])} |")


_verifiers: list


def _start(folders: Sequence[str]) -> None:
    from renzheng import Verifier

    global _verifiers
    _verifiers = [Verifier(folder, threads=1) for folder in folders]


def _rows(path: Path) -> list[np.ndarray] | None:
    from renzheng import images
    from renzheng.errors import NoFace
    from renzheng.faces.selection import choose_face

    image = images.read(path)
    try:
        face = choose_face(_verifiers[0].detect(image), (image.shape[1], image.shape[0]))
    except NoFace:
        return None
    return [verifier.embed(image, face) for verifier in _verifiers]


def accuracy(arguments: argparse.Namespace) -> None:
    from renzheng import Verifier
    from renzheng.apps.reports.evaluation.tables import percent, with_interval
    from renzheng.datasets import lfw, people, table
    from renzheng.evaluation.comparisons import quantisation
    from renzheng.evaluation.comparisons.error_rates import fold_accuracy
    from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator
    from renzheng.evaluation.comparisons.measurement import measure
    from renzheng.evaluation.comparisons.scores import Scores, pair_distances
    from renzheng.models import packs

    pairs = lfw.read(arguments.lfw)
    crowd = arguments.people
    crowd = people.read(crowd) if crowd.is_dir() else table.read_people(crowd, None)
    with tempfile.TemporaryDirectory() as scratch:
        both: list[tuple[str, str]] = []
        folders: list[str] = []
        for k, name in enumerate(["dlib-resnet", *arguments.pack]):
            evaluator = Evaluator(Verifier(name, min_face_size=20), EvaluationSettings())
            done = quantisation.quantise(evaluator, crowd, Path(scratch) / str(k), calibrate=False)
            sizes = [f"{size / 1e6:.1f} MB" for size in done.sizes]
            both.append((Path(name).name, " / ".join(sizes)))
            folders += [str(packs.load(name).folder), str(done.pack.folder)]
        paths = [picture.source for picture in pairs.pictures]
        with ProcessPoolExecutor(
            arguments.workers, initializer=_start, initargs=(folders,)
        ) as pool:
            found = list(pool.map(_rows, paths, chunksize=16))
    print("| pack | size, float / int8 | accuracy, float | int8 | int8 - float, paired |", end="")
    print(" EER, float | int8 | embeddings moved, mean (99 of 100) |")
    print("|---|---|---|---|---|---|---|---|")
    for k, (name, sizes_) in enumerate(both):
        cells, folds, rows = [], [], []
        for side in (2 * k, 2 * k + 1):
            length = next(len(each[side]) for each in found if each is not None)
            lost = np.full(length, np.nan, np.float32)
            rows.append(np.stack([lost if each is None else each[side] for each in found]))
            distances = pair_distances(pairs, rows[-1])
            folds.append(fold_accuracy(distances, pairs.same, pairs.folds))
            cells.append(measure(Scores.of_pairs(pairs, distances), folds=folds[-1]))
        gaps = np.subtract(folds[1].accuracies, folds[0].accuracies)
        error = gaps.std(ddof=1) / np.sqrt(len(gaps))
        moved = np.linalg.norm(rows[0] - rows[1], axis=1)
        moved = moved[np.isfinite(moved)]
        print(
            f"| {name} | {sizes_} | "
            + " | ".join(f"{percent(f.mean)} ± {percent(f.standard_error)}" for f in folds)
            + f" | {100 * gaps.mean():+.3f} ± {100 * error:.3f} points | "
            + " | ".join(with_interval(c.equal_error_rate) for c in cells)
            + f" | {moved.mean():.3f} ({np.quantile(moved, 0.99):.3f}) |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these backbones")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--operators", metavar="NAME", help="profile this backbone instead")
    parser.add_argument("--lfw", type=Path, help="measure accuracy instead")
    parser.add_argument("--people", type=Path, help="whose faces ranges are measured on")
    parser.add_argument("--pack", nargs="*", default=[], help="float packs beside dlib-resnet")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # torch's, on its older exporter
    if arguments.lfw is not None:
        if arguments.people is None:
            parser.error("--lfw wants --people, to measure ranges on")
        accuracy(arguments)
    elif arguments.operators is not None:
        operators(arguments.operators)
    else:
        speed(arguments)


if __name__ == "__main__":
    main()
