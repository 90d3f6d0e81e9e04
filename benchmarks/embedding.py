"""The default embedding beside dlib's own run of the same network, on the same crops.

    pip install dlib-bin
    python benchmarks/embedding.py [--rounds 15] [--backend openvino]

Once a crop on both sides, without the mirror image that renzheng averages by default. dlib runs its
network in one thread; renzheng once in one and once in all.
"""

from __future__ import annotations

import argparse
import statistics
import time
from importlib.util import find_spec
from pathlib import Path

import dlib
import numpy as np

from renzheng import packs
from renzheng.embedding import Embedder
from renzheng.runtime import Network


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--backend")
    arguments = parser.parse_args()
    spec = find_spec("face_recognition_models")
    assert spec is not None
    assert spec.submodule_search_locations
    models = Path(next(iter(spec.submodule_search_locations))) / "models"
    theirs = dlib.face_recognition_model_v1(
        str(models / "dlib_face_recognition_resnet_model_v1.dat")
    )
    pack = packs.load("dlib-resnet")

    def embedder(threads: int | None) -> Embedder:
        return Embedder(
            Network(pack.file("embedder.onnx"), threads, backend=arguments.backend),
            size=pack.setting("input", "size"),
            mean=tuple(pack.setting("input", "mean")),
            scale=pack.setting("input", "scale"),
            dimension=pack.setting("embedding", "dimension"),
            mirror_average=False,
            normalise=False,
        )

    ours = {"one thread": embedder(1), "all threads": embedder(None)}
    rng = np.random.default_rng(1)
    print(
        f"{'crops':<8}{'dlib ms':>10}" + "".join(f"{name + ' ms':>17}{'ratio':>8}" for name in ours)
    )
    for count in (1, 16):
        crops = rng.integers(0, 256, (count, 150, 150, 3), np.uint8)
        works = {
            "dlib": lambda c=crops: theirs.compute_face_descriptor(list(c)),
            **{name: (lambda e=each, c=crops: e.embed(c)) for name, each in ours.items()},
        }
        difference = np.abs(np.array(works["dlib"]()) - works["one thread"]()).max()
        assert difference < 1e-3, difference
        times: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(arguments.rounds):
            for name, work in works.items():
                start = time.perf_counter()
                work()
                times[name].append(time.perf_counter() - start)
        middle = {name: 1e3 * statistics.median(each) for name, each in times.items()}
        print(
            f"{count:<8}{middle['dlib']:>10.1f}"
            + "".join(
                f"{middle[name]:>17.1f}{middle['dlib'] / middle[name]:>7.2f}x" for name in ours
            )
        )


if __name__ == "__main__":
    main()
