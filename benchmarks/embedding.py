"""The default embedding beside other runs of the same network, on the same crops.

    pip install dlib-bin face_recognition_models
    python benchmarks/embedding.py [--rounds 15] [--backend openvino]

Each crop is embedded once on every side, without the mirror image that renzheng averages by
default. All runs of a table take turns in one process, and the fastest counts. The peers are
OpenCV's `FaceRecognizerSF`, which cannot read the file in 8 bits and gets the float file rebuilt
from it, and the original file in onnxruntime, which takes one crop per call. The share is that of
the matrix rate that this machine reaches between the rounds with as many threads.

A second table does the same for `dlib-resnet` beside dlib, which runs its network in one thread,
and a third shows the time per picture by the number of pictures in a call.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import dlib
import numpy as np
import onnx
import onnxruntime

from renzheng.evaluation.speed.arithmetic import count
from renzheng.evaluation.speed.rates import Rates
from renzheng.faces.embedding import Embedder
from renzheng.models import packs
from renzheng.models.converters import sface, sources
from renzheng.models.converters.dlib import FILE_NAME, PACKAGE
from renzheng.models.runtime import Network

COUNTS = (1, 2, 16)
BATCHES = (2, 4, 8, 16, 32)
THREADS = {"one thread": 1, "all threads": None}

Embed = Callable[[np.ndarray], np.ndarray]


@dataclass
class Run:
    """One side with one number of threads, and the seconds of each turn."""

    name: str
    threads: int | None
    embed: Embed
    seconds: list[float] = field(default_factory=list)

    def take_turn(self, crops: np.ndarray) -> None:
        cv2.setNumThreads(self.threads or -1)  # a setting of the process
        start = time.perf_counter()
        self.embed(crops)
        self.seconds.append(time.perf_counter() - start)

    @property
    def ms(self) -> float:
        """The fastest turn: whatever else the machine does makes all slower and none faster."""
        return 1e3 * min(self.seconds)


def ours(pack: packs.Pack, threads: int | None, backend: str | None) -> Embedder:
    return Embedder(
        Network(pack.file("embedder.onnx"), threads, backend=backend),
        size=pack.setting("input", "size"),
        mean=tuple(pack.setting("input", "mean")),
        scale=pack.setting("input", "scale"),
        dimension=pack.setting("embedding", "dimension"),
        mirror_average=False,
        normalise=False,
        batch_size=pack.manifest["input"].get("batch", 8),
    )


def network_of_sface() -> onnx.ModelProto:
    source = packs.source("sface")
    path = source.any_of(packs.cache_folder() / "sources")
    assert path is not None, source.remedy("sface")
    return sface.read(path, source.files)


def as_it_comes(model: onnx.ModelProto, threads: int | None) -> Embed:
    data = [each for each in model.graph.input if each.name == "data"]
    one = onnx.ModelProto()
    one.CopyFrom(model)
    del one.graph.input[:]
    one.graph.input.extend(data)  # its own weights are listed too, and would be asked for
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        one.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )

    def embed(crops: np.ndarray) -> np.ndarray:
        pictures = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32)
        return np.concatenate([session.run(None, {"data": each[None]})[0] for each in pictures])

    return embed


def by_opencv(model: onnx.ModelProto) -> Embed:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sface.onnx"
        onnx.save(sface.as_float(model), path)
        recogniser = cv2.FaceRecognizerSF.create(str(path), "")

    def embed(crops: np.ndarray) -> np.ndarray:
        bgr = np.ascontiguousarray(crops[..., ::-1])
        return np.concatenate([recogniser.feature(crop).copy() for crop in bgr])

    return embed


def by_dlib() -> Embed:
    found = sources.packaged(PACKAGE, f"models/{FILE_NAME}")
    model = dlib.face_recognition_model_v1(str(found))
    return lambda crops: np.array(model.compute_face_descriptor(list(crops)))


def some_crops(number: int, side: int) -> np.ndarray:
    """Make smooth noise: the time of a network does not depend on the content."""
    rng = np.random.default_rng(1)
    noise = [cv2.GaussianBlur(rng.normal(size=(side, side, 3)), (0, 0), 6) for _ in "123"]
    made = [np.clip(128 + 50 * each / each.std(), 0, 255).astype(np.uint8) for each in noise]
    return np.resize(np.stack(made), (number, side, side, 3))


def sides_of_sface(backend: str | None) -> Iterator[Run]:
    model = network_of_sface()
    pack = packs.load("sface")
    opencv = by_opencv(model)
    for threads in THREADS.values():
        yield Run("renzheng", threads, ours(pack, threads, backend).embed)
        yield Run("the file as it comes, onnxruntime", threads, as_it_comes(model, threads))
        yield Run("cv2.FaceRecognizerSF, float file", threads, opencv)


def sides_of_dlib(backend: str | None) -> Iterator[Run]:
    pack = packs.load("dlib-resnet")
    for threads in THREADS.values():
        yield Run("renzheng, dlib-resnet", threads, ours(pack, threads, backend).embed)
    yield Run("dlib", 1, by_dlib())


def compare(name: str, runs: Sequence[Run], rounds: int) -> None:
    pack = packs.load(name)
    side = pack.setting("input", "size")
    work = count(pack.file("embedder.onnx"), (1, 3, side, side)).multiply_adds
    rates = {threads: Rates(threads, (512, 1024)) for threads in THREADS.values()}
    print(f"\n{name}, {work / 1e6:.0f} M multiply-adds a crop")
    print(f"{'crops':<7}{'threads':<9}{'by':<36}{'ms':>9}{'ratio':>8}{'of the matrix rate':>20}")
    for number in COUNTS:
        crops = some_crops(number, side)
        given = [run.embed(crops) for run in runs]
        for each in given[1:]:
            lengths = [np.linalg.norm(rows, axis=1) for rows in (given[0], each)]
            cosines = (given[0] * each).sum(axis=1) / np.prod(lengths, axis=0)
            assert cosines.min() > 1 - 1e-5, cosines
        for run in runs:
            run.seconds = []
        for _ in range(rounds):
            for run in runs:
                run.take_turn(crops)
            for each in rates.values():
                each.measure()
        for threads in THREADS.values():
            here = [run for run in runs if run.threads == threads]
            for run in here:
                share = rates[threads].min_seconds(number * work) / run.ms * 1e3
                ratio = run.ms / here[0].ms
                print(
                    f"{number:<7}{threads or 'all':<9}{run.name:<36}{run.ms:>9.1f}"
                    f"{ratio:>7.2f}x{share:>19.0%}"
                )
    seen = (
        f"{r.floating.multiply_adds / 1e9:.0f} G in {t or 'all'} threads" for t, r in rates.items()
    )
    print(f"matrix rate, multiply-adds a second: {', '.join(seen)}")


def compare_batches(names: Sequence[str], backend: str | None, rounds: int) -> None:
    print("\nms a picture, by pictures a call (the fastest of the rounds)")
    print(f"{'network':<14}{'threads':<9}" + "".join(f"{batch:>8}" for batch in BATCHES))
    for name in names:
        pack = packs.load(name)
        side = pack.setting("input", "size")
        whole = np.random.default_rng(0).standard_normal((max(BATCHES), 3, side, side), np.float32)
        for threads in THREADS.values():
            network = Network(pack.file("embedder.onnx"), threads, backend=backend)
            best = dict.fromkeys(BATCHES, float("inf"))
            for _ in range(rounds):
                for batch in BATCHES:
                    start = time.perf_counter()
                    for first in range(0, len(whole), batch):
                        network(whole[first : first + batch])
                    best[batch] = min(best[batch], time.perf_counter() - start)
            cells = "".join(f"{1e3 * best[batch] / len(whole):>8.2f}" for batch in BATCHES)
            print(f"{name:<14}{threads or 'all':<9}{cells}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--backend")
    arguments = parser.parse_args()
    compare("sface", list(sides_of_sface(arguments.backend)), arguments.rounds)
    compare("dlib-resnet", list(sides_of_dlib(arguments.backend)), arguments.rounds)
    compare_batches(("sface", "dlib-resnet"), arguments.backend, arguments.rounds)


if __name__ == "__main__":
    main()
