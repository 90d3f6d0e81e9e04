"""Networks by onnxruntime.

From 1.29 on, onnxruntime's official builds report to Microsoft which models are loaded, how often
they run and on what machine, under an identifier that is kept on the disk. renzheng reports to
nobody, so this is switched off before onnxruntime loads, which is the only moment to do it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy.typing as npt

from renzheng._support.cpu import cores, limited
from renzheng.errors import PackError

# onnxruntime reads this as it loads; users who want reports may set 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort

if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
    ort.disable_telemetry_events()  # all that can be done if it was loaded before

Array = npt.NDArray[Any]

VERSION: str = ort.__version__


def load(model: Path | bytes, threads: int | None, calls: int) -> Callable[[Array], list[Array]]:
    """Return a function that runs a network.

    A call of one thread runs in its caller's thread, so any number of these run at a time; others
    share the network's threads, whatever `calls` is.

    Raises
    ------
    PackError
        If the file is not a network of one input that onnxruntime can run.
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
        raise PackError(f"the network must have one input, not {len(inputs)}")
    name = inputs[0].name

    def run(batch: Array) -> list[Array]:
        outputs: list[Array] = ready.run(None, {name: batch})
        return outputs

    return run


def options(threads: int | None) -> Any:
    """Return the session options of every network."""
    chosen = ort.SessionOptions()
    chosen.log_severity_level = 3
    # Waiting threads sleep: spinning costs more than it gains on calls this short.
    chosen.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if threads is None and limited():
        threads = cores()  # onnxruntime would start one per core of the machine, and pin them
    if threads is not None:
        chosen.intra_op_num_threads = threads
    return chosen


def session(model: str | bytes, options: Any) -> Any:
    """Open a session on the processor.

    Raises
    ------
    Exception
        If onnxruntime cannot load the model: its errors have no common root.
    """
    return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
