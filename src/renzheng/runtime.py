"""One network file behind onnxruntime. No vision here.

From 1.29 on, onnxruntime's official builds report to Microsoft: which models are loaded, how often
they run, on what machine, under an identifier that is kept on the disk. renzheng talks to nobody,
so that is switched off before onnxruntime loads, which is the only moment at which it can be.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import PackError

os.environ.setdefault(
    "ORT_DISABLE_TELEMETRY", "1"
)  # read when it loads; whoever wants it may say 0
import onnxruntime as ort

if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
    ort.disable_telemetry_events()  # the most that can be done where it was loaded before

Array = npt.NDArray[Any]


class Network:
    """An ONNX network with one input.

    Calls are safe from several threads at once, and repeat bit for bit.

    Parameters
    ----------
    model
        The ONNX file, or its bytes.
    threads
        Threads per call; by default the runtime takes one per core.

    Raises
    ------
    PackError
        If the file is no network that the runtime can run.
    """

    def __init__(self, model: Path | bytes, threads: int | None = None):
        options = ort.SessionOptions()
        options.log_severity_level = 3
        # Waiting threads sleep: spinning costs more than it gains on calls this short.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads is not None:
            options.intra_op_num_threads = threads
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = ort.InferenceSession(
                source, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime's own family has no common root
            name = "<bytes>" if isinstance(model, bytes) else str(model)
            reason = str(error).splitlines()[0]
            raise PackError(f"onnxruntime cannot load it: {reason}", source=name) from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise PackError(f"a network of one input is wanted, this one has {len(inputs)}")
        self._input = inputs[0].name

    def __call__(self, batch: Array) -> list[Array]:
        """All outputs for one batch, in the network's order."""
        outputs: list[Array] = self._session.run(None, {self._input: np.ascontiguousarray(batch)})
        return outputs
