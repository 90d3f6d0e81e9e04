"""The fraction of this machine's matrix rate that the networks reach, and what takes the rest.

    python benchmarks/roofline.py [--backend openvino] [--threads 1,2] [--operators]

For each network: multiply-adds counted from its graph, the fastest of some rounds, and the fraction
of the fastest matrix product measured between these rounds. `--operators` lists the times of the
operators of those networks that reach less than a half (by onnxruntime's profiler).
"""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table

import operators
import roofline_model
from renzheng import Verifier
from renzheng._support.cpu import cores
from renzheng.evaluation.speed.rates import Rates
from renzheng.evaluation.speed.scenes import scene
from renzheng.models.runtime import is_installed

SIZES = ((640, 480), (1280, 720))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--backend", default="onnxruntime", help="or openvino, or both with a comma"
    )
    parser.add_argument("--threads", default=f"1,{cores()}", metavar="N,N")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument(
        "--operators", action="store_true", help="the operators of networks below a half"
    )
    parser.add_argument("--all", action="store_true", help="with --operators: of all networks")
    arguments = parser.parse_args()
    console = Console()
    scenes = [scene(*size) for size in SIZES]
    console.print(f"pictures: {scenes[0].what}")
    for backend in filter(is_installed, arguments.backend.split(",")):
        for threads in sorted({int(n) for n in arguments.threads.split(",")}):
            verifier = Verifier(threads=threads, backend=backend)
            rates = Rates(threads)
            cases = roofline_model.cases(verifier, [each.image for each in scenes])
            reached = roofline_model.measure(cases, rates, rounds=arguments.rounds)
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
            if arguments.operators and backend == "onnxruntime":  # the profiler is onnxruntime's
                for case, row in zip(cases, reached, strict=True):
                    if row.fraction < 0.5 or arguments.all:
                        console.print(spent(case, row, rates, threads))


def spent(
    case: roofline_model.Case, row: roofline_model.Reached, rates: Rates, threads: int
) -> Table:
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
