"""OpenVINO beside onnxruntime: calls, changing shapes, and the start of a process.

    python benchmarks/backends.py [--rounds 15] [--threads 1]

Turn by turn in one process, medians; the number is how many times as long OpenVINO takes. P-Net
sees levels of many sizes, which OpenVINO prepares itself for anew: with one size, with the sizes of
a picture again and again, and with sizes that it has never seen. The start is that of processes
which load all networks of a comparison, with OpenVINO's compiled ones kept from before and without.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count

import numpy as np

from renzheng import Verifier
from renzheng.evaluation.speed.inputs import by_network, record
from renzheng.evaluation.speed.scenes import scene
from renzheng.models import packs
from renzheng.models.runtime import PROCESSOR_BACKENDS as BACKENDS
from renzheng.models.runtime import Network

LOAD = """
import os
from renzheng.models.runtime import compiled
from pathlib import Path
compiled.folder = lambda: Path(os.environ["KEPT"])
from renzheng import Verifier
Verifier(threads=1)
"""


def turns(works: dict[str, Callable[[], object]], rounds: int) -> list[float]:
    taken: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(rounds):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    return [statistics.median(taken[name]) for name in works]


def row(what: str, works: dict[str, Callable[[], object]], rounds: int) -> None:
    ours, theirs = turns(works, rounds)
    print(f"{what:<44}{theirs / ours:>8.2f}", flush=True)


def start(backend: str, kept: str) -> None:
    env = {**os.environ, "RENZHENG_BACKEND": backend, "KEPT": kept}
    subprocess.run([sys.executable, "-c", LOAD], env=env, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    threads, rounds = arguments.threads, arguments.rounds
    pack = packs.load("mtcnn")
    print(f"openvino / onnxruntime, {threads} thread(s), {rounds} rounds")

    def both(file: str) -> dict[str, Network]:
        return {name: Network(pack.file(file), threads, backend=name) for name in BACKENDS}

    pnets = both("pnet.onnx")
    calls = by_network(record(lambda: Verifier(threads=1).detect(scene(640, 480).image)))
    levels = [call.batch for call in calls["pnet"]]
    shape = levels[0].shape
    row("P-Net, one size", {n: lambda f=f: f(levels[0]) for n, f in pnets.items()}, rounds)
    row(
        f"P-Net, {len(levels)} sizes of 640 x 480",
        {n: lambda f=f: [f(level) for level in levels] for n, f in pnets.items()},
        rounds,
    )
    fresh = {name: count(1) for name in BACKENDS}

    def never_seen(name: str) -> None:
        pnets[name](np.zeros((*shape[:3], shape[3] + next(fresh[name])), np.float32))

    row("P-Net, a new size each time", {n: lambda n=n: never_seen(n) for n in BACKENDS}, rounds)
    for file, side in (("rnet.onnx", 24), ("onet.onnx", 48)):
        networks = both(file)
        for many in (1, 16, 64):
            batch = np.zeros((many, 3, side, side), np.float32)
            works = {n: lambda f=f, b=batch: f(b) for n, f in networks.items()}
            row(f"{file.removesuffix('.onnx')}, {many} windows", works, rounds)
    verifiers = {name: Verifier(threads=threads, backend=name) for name in BACKENDS}
    size = verifiers[BACKENDS[0]].face_models.template.size
    for many in (1, 16):
        crops = np.zeros((many, size, size, 3), np.uint8)
        works = {n: lambda v=v, c=crops: v.embed_crops(c) for n, v in verifiers.items()}
        row(f"embedding, {many} crops and their mirror images", works, rounds)
    for width, height in ((640, 480), (1280, 720)):
        image = scene(width, height).image
        works = {n: lambda v=v, i=image: v.detect(i) for n, v in verifiers.items()}
        row(f"detection, {width} x {height}", works, rounds)
    with tempfile.TemporaryDirectory() as kept:
        begin = {name: lambda name=name: start(name, kept) for name in BACKENDS}
        row("a process that loads all networks", begin, max(3, rounds // 3))
        begin["openvino"] = lambda: start("openvino", tempfile.mkdtemp(dir=kept))
        row("the same, nothing kept", begin, max(3, rounds // 3))


if __name__ == "__main__":
    main()
