"""The time of a network's operators, from onnxruntime's profiler."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from renzheng.models.runtime import with_onnxruntime

_SUFFIX = "_kernel_time"


@dataclass(frozen=True)
class Operators:
    """All operators of one kind.

    Attributes
    ----------
    kind
        The ONNX name; for convolutions also the kernel.
    nodes
        The number of them in the runtime's own graph.
    seconds
        The time in one call.
    multiply_adds
        The multiply-adds in one call of the runtime's own graph, which pads channels to its blocks.
    """

    kind: str
    nodes: int
    seconds: float
    multiply_adds: int


def profile(
    model: Path, batches: Sequence[npt.NDArray[Any]], threads: int | None, repeats: int = 10
) -> list[Operators]:
    """Time the operators of some calls.

    Parameters
    ----------
    model
        The ONNX file.
    batches
        The input of each call; the times are those of all calls together.
    threads
        Threads of each call.
    repeats
        The number of repetitions that are averaged, after one that does not count.

    Returns
    -------
    list of Operators
        The slowest kind first. Profiling itself costs about a microsecond per node.
    """
    with tempfile.TemporaryDirectory() as folder:
        options = with_onnxruntime.options(threads)
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = with_onnxruntime.session(str(model), options)
        name = session.get_inputs()[0].name
        for _ in range(1 + repeats):
            for batch in batches:
                session.run(None, {name: batch})
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    return _summed(events, calls=len(batches), repeats=repeats)


def _summed(events: Sequence[Mapping[str, Any]], *, calls: int, repeats: int) -> list[Operators]:
    nodes: dict[str, list[Mapping[str, Any]]] = {}
    for event in events:
        if event.get("cat") == "Node" and str(event["name"]).endswith(_SUFFIX):
            key = f"{event['args'].get('node_index')} {event['name']}"
            nodes.setdefault(key, []).append(event)
    microseconds: dict[str, float] = {}
    work: dict[str, float] = {}
    number: dict[str, int] = {}
    for found in nodes.values():
        kind = _kind(found[0]["args"])
        number[kind] = number.get(kind, 0) + 1
        for event in found[calls:]:  # the first round allocates
            microseconds[kind] = microseconds.get(kind, 0.0) + event["dur"]
            work[kind] = work.get(kind, 0) + _multiply_adds(event["args"])
    rows = [
        Operators(kind, number[kind], spent / repeats * 1e-6, round(work[kind] / repeats))
        for kind, spent in microseconds.items()
    ]
    return sorted(rows, key=lambda row: -row.seconds)


def _shapes(args: Mapping[str, Any], key: str) -> list[list[int]]:
    return [list(shape) for entry in args.get(key, []) for shape in entry.values()]


def _kind(args: Mapping[str, Any]) -> str:
    name, shapes = str(args["op_name"]), _shapes(args, "input_type_shape")
    kernel = _kernel(name, shapes)
    if kernel is None:
        return name
    size = "x".join(map(str, kernel[2:]))
    own = " of each channel by itself" if kernel[1] == 1 and kernel[0] > 1 else ""
    return f"{name} {size}{own}"


def _kernel(name: str, shapes: Sequence[list[int]]) -> list[int] | None:
    if "Conv" not in name:
        return None
    # QLinearConv names scales and zero points between; a kernel has as many axes as the image.
    rest = [shape for shape in shapes[1:] if len(shape) == len(shapes[0])]
    return rest[0] if rest else None


def _multiply_adds(args: Mapping[str, Any]) -> int:
    name = str(args["op_name"])
    given, made = _shapes(args, "input_type_shape"), _shapes(args, "output_type_shape")
    if not given or not made:
        return 0
    kernel = _kernel(name, given)
    if kernel is not None:
        return math.prod(made[0]) * math.prod(kernel[1:])
    if "MatMul" in name or name in ("Gemm", "FusedGemm"):
        return math.prod(made[0]) * given[0][-1]
    return 0
