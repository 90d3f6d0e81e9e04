"""Networks by OpenVINO, Intel's runtime; it runs on other makers' x86 and on ARM as well.

Three of its defaults are not ours:

- ``import openvino`` alone reports to Google Analytics, under an identifier that it keeps in the
  user's home: its model converter does so as it loads. renzheng talks to nobody and converts
  nothing, so the converter is kept from loading. A program that wants it as well imports
  ``openvino.tools.ovc`` itself; one that imported openvino before renzheng has reported already.
- It computes in bfloat16 where the processor can, and distances would depend on the machine:
  float32 is asked for.
- Its own cache of compiled networks takes a damaged file for a good one and then computes something
  else without a word. `renzheng.models.runtime.compiled` keeps them with a digest instead.
"""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import PackError
from renzheng.models.runtime import compiled

_CONVERTER = "openvino.tools.ovc"

if "openvino" not in sys.modules and _CONVERTER not in sys.modules:
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]  # importing it fails, as foreseen
    try:
        import openvino as ov
    finally:
        del sys.modules[_CONVERTER]
else:
    import openvino as ov

Array = npt.NDArray[Any]

VERSION: str = ov.__version__.split("-")[0]
_DEVICE = "CPU"
_core = ov.Core()
# Its bindings look numpy up at the first array that they meet, without Python's lock while another
# thread may wait for them with it: two first calls at a time hung one process in eight. Modules are
# imported by one thread at a time.
ov.Tensor(np.zeros(1, np.float32)).data  # noqa: B018
_lock = threading.Lock()


def load(model: Path | bytes, threads: int | None, calls: int) -> Callable[[Array], list[Array]]:
    """What runs a network.

    Calls from several threads take turns, so many at a time: each has a stream of its own threads.

    Raises
    ------
    PackError
        If the file is no network of one input that OpenVINO can run.
    """
    settings: dict[str, Any] = {
        "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
        # One call's threads work on one call, and may sit on any core: pinned ones would meet those
        # of a second process on the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    if threads is not None:
        settings["INFERENCE_NUM_THREADS"] = threads * calls
        settings["NUM_STREAMS"] = calls
    source = "<bytes>" if isinstance(model, bytes) else str(model)
    try:
        network = _compiled(model, settings)
    except Exception as error:  # RuntimeError mostly, and whatever its front end raises
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PackError(f"OpenVINO cannot load it: {reason}", source=source) from error
    if len(network.inputs) != 1:
        raise PackError(f"a network of one input is wanted, this one has {len(network.inputs)}")
    count = len(network.outputs)
    idle: list[Any] = []  # requests between two calls; appending and popping are atomic

    def run(batch: Array) -> list[Array]:
        try:
            request = idle.pop()
        except IndexError:
            request = network.create_infer_request()
        # Copied in and out: OpenVINO may write to what it shares, and the next call overwrites.
        answers = request.infer({0: batch}, share_inputs=False, share_outputs=False)
        outputs: list[Array] = [answers[k] for k in range(count)]
        idle.append(request)  # not where it failed
        return outputs

    return run


def _compiled(model: Path | bytes, settings: dict[str, Any]) -> Any:
    """A network ready to run; that of a file is kept, so that the next process finds it."""
    if isinstance(model, bytes):
        return _core.compile_model(_core.read_model(model, b""), _DEVICE, settings)
    # Threads are no part of what is kept, what the processor can do is: a home may be shared.
    abilities = _core.get_property(_DEVICE, "OPTIMIZATION_CAPABILITIES")
    place = compiled.place(
        model, ov.__version__, _core.get_property(_DEVICE, "FULL_DEVICE_NAME"), *abilities
    )
    kept = None if place is None else compiled.read(place)
    if kept is not None:
        try:
            return _core.import_model(kept, _DEVICE, settings)
        except Exception:  # made by something that calls itself the same: made again
            kept = None
    network = _core.compile_model(_core.read_model(model), _DEVICE, settings)
    if place is not None:
        with _lock:  # one at a time: the export is as large as the network
            exported = io.BytesIO()
            network.export_model(exported)
            compiled.write(place, exported.getvalue())
    return network
