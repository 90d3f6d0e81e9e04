"""How near the networks come to this machine's matrix rate, and what holds the rest.

    python benchmarks/roofline.py [--backend openvino] [--threads 1,2] [--operators]

For each network: multiply-adds counted from its graph, the fastest of some rounds, and the fraction
of the fastest matrix product that was seen between these rounds. `--operators` says for those below
a half where their time goes (by onnxruntime's profiler).
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

from renzheng import Verifier
from renzheng._support.cpu import cores
from renzheng.evaluation.speed import operators, pictures, roofline
from renzheng.evaluation.speed.rates import Rates
from renzheng.models.runtime import installed

SIZES = ((640, 480), (1280, 720))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--backend", default="onnxruntime", help="or openvino, or both with a comma"
    )
    parser.add_argument("--threads", default=f"1,{cores()}", metavar="N,N")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--operators", action="store_true", help="what holds those below a half")
    parser.add_argument("--all", action="store_true", help="with --operators: of all networks")
    arguments = parser.parse_args()
    console = Console()
    scenes = [pictures.scene(*size) for size in SIZES]
    console.print(f"pictures: {scenes[0].what}")
    for backend in filter(installed, arguments.backend.split(",")):
        for threads in sorted({int(n) for n in arguments.threads.split(",")}):
            verifier = Verifier(threads=threads, backend=backend)
            rates = Rates(threads)
            cases = roofline.cases(verifier, [scene.image for scene in scenes])
            reached = roofline.measure(cases, rates, rounds=arguments.rounds)
            table = Table(
                "network", "input", "M multiply-adds", "ms", "G/s", "of the rate",
                title=f"{backend} {verifier.face_models.backend_version}, {threads} thread(s); "
                f"matrix rate float32 {rates.floating.multiply_adds / 1e9:.0f} G/s "
                f"({rates.floating.by}), int8 {rates.integer.multiply_adds / 1e9:.0f} G/s "
                f"({rates.integer.by})",
            )  # fmt: skip
            for row in reached:
                table.add_row(
                    row.network, row.what, f"{row.multiply_adds / 1e6:.1f}",
                    f"{row.seconds * 1e3:.3f}", f"{row.rate / 1e9:.1f}", f"{row.fraction:.0%}",
                )  # fmt: skip
            console.print(table)
            if arguments.operators and backend == "onnxruntime":  # whose profiler it is
                for case, row in zip(cases, reached, strict=True):
                    if row.fraction < 0.5 or arguments.all:
                        console.print(spent(case, row, rates, threads))


def spent(case: roofline.Case, row: roofline.Reached, rates: Rates, threads: int) -> Table:
    table = Table(
        "operators", "nodes", "of the time", "of the work", "of the rate",
        title=f"{row.network}, {row.what}: {row.fraction:.0%} of the rate",
    )  # fmt: skip
    assert case.network.path is not None
    found = operators.profile(case.network.path, case.batches, threads)
    seconds = sum(each.seconds for each in found)
    work = sum(each.multiply_adds for each in found)
    for each in found:
        share = each.multiply_adds / each.seconds / rates.floating.multiply_adds
        table.add_row(
            each.kind, str(each.nodes), f"{each.seconds / seconds:.1%}",
            f"{each.multiply_adds / work:.1%}", f"{share:.0%}" if each.multiply_adds else "",
        )  # fmt: skip
    return table


if __name__ == "__main__":
    main()
