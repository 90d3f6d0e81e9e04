"""Networks by onnxruntime.

From 1.29 on, onnxruntime's official builds report to Microsoft: which models are loaded, how often
they run, on what machine, under an identifier that is kept on the disk. renzheng talks to nobody,
so that is switched off before onnxruntime loads, which is the only moment at which it can be.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy.typing as npt

from renzheng._support.cpu import cores, limited
from renzheng.errors import PackError

os.environ.setdefault(
    "ORT_DISABLE_TELEMETRY", "1"
)  # read when it loads; whoever wants it may say 0
import onnxruntime as ort

if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
    ort.disable_telemetry_events()  # the most that can be done where it was loaded before

Array = npt.NDArray[Any]

VERSION: str = ort.__version__


def load(model: Path | bytes, threads: int | None, calls: int) -> Callable[[Array], list[Array]]:
    """What runs a network.

    A call of one thread runs in its caller's, so any number of these run at a time; others share
    the network's threads, whatever `calls` says.

    Raises
    ------
    PackError
        If the file is no network of one input that onnxruntime can run.
    """
    source = model if isinstance(model, bytes) else str(model)
    try:
        ready = session(source, options(threads))
    except Exception as error:  # onnxruntime's own family has no common root
        name = "<bytes>" if isinstance(model, bytes) else str(model)
        reason = str(error).splitlines()[0]
        raise PackError(f"onnxruntime cannot load it: {reason}", source=name) from error
    inputs = ready.get_inputs()
    if len(inputs) != 1:
        raise PackError(f"a network of one input is wanted, this one has {len(inputs)}")
    name = inputs[0].name

    def run(batch: Array) -> list[Array]:
        outputs: list[Array] = ready.run(None, {name: batch})
        return outputs

    return run


def options(threads: int | None) -> Any:
    """How every network is run."""
    said = ort.SessionOptions()
    said.log_severity_level = 3
    # Waiting threads sleep: spinning costs more than it gains on calls this short.
    said.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is None and limited():
        threads = cores()  # onnxruntime would take one a core of the machine, and bind them
    if threads is not None:
        said.intra_op_num_threads = threads
    return said


def session(model: str | bytes, said: Any) -> Any:
    """A session on the processor.

    Raises
    ------
    Exception
        If onnxruntime cannot load it: its own family of errors has no common root.
    """
    return ort.InferenceSession(model, said, providers=["CPUExecutionProvider"])
