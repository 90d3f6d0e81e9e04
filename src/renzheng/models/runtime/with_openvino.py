"""Networks by OpenVINO, Intel's runtime; it runs on other makers' x86 and on ARM as well.

Three of its defaults are not ours:

- ``import openvino`` alone reports to Google Analytics, under an identifier that it keeps in the
  user's home: its model converter does so as it loads. renzheng reports to nobody and converts
  nothing, so the converter is kept from loading. A program that needs it imports
  ``openvino.tools.ovc`` itself; one that imported openvino before renzheng has reported already.
- It computes in bfloat16 if the processor can, so that distances would depend on the machine:
  float32 is set.
- Its own cache of compiled networks takes a damaged file for a good one and then silently computes
  something else. `renzheng.models.runtime.compiled` keeps networks with a digest instead.
"""

from __future__ import annotations

import io
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from renzheng.errors import PackError, RenzhengError
from renzheng.models.runtime import compiled
from renzheng.models.runtime.backends import Backend
from renzheng.models.runtime.loaded import Loaded

_CONVERTER = "openvino.tools.ovc"

if "openvino" not in sys.modules and _CONVERTER not in sys.modules:
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]  # importing it fails, as intended
    try:
        import openvino as ov
    finally:
        del sys.modules[_CONVERTER]
else:
    import openvino as ov

Array = npt.NDArray[Any]

VERSION: str = ov.__version__.split("-")[0]
_PROCESSOR = "CPU"
_core = ov.Core()
# Its bindings look numpy up at the first array that they meet, without Python's lock, while another
# thread that holds it may wait for them: two first calls at a time hung one process in eight. An
# import runs in one thread at a time.
ov.Tensor(np.zeros(1, np.float32)).data  # noqa: B018
_lock = threading.Lock()


def load(
    model: Path | bytes, threads: int | None, calls: int, backend: Backend | None = None
) -> Loaded:
    """Return a network, ready to run.

    Up to `calls` calls from several threads run at a time, each on a stream of its own threads.

    Raises
    ------
    PackError
        If the file is not a network of one input that OpenVINO can run.
    RenzhengError
        If the backend's device is not there.
    """
    device = (backend.device if backend else "") or _PROCESSOR
    settings: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    if device == _PROCESSOR:
        # Threads may run on any core: pinned ones would compete with those of a second process for
        # the same cores.
        settings["ENABLE_CPU_PINNING"] = False
        if threads is not None:
            settings["INFERENCE_NUM_THREADS"] = threads * calls
            settings["NUM_STREAMS"] = calls
    elif not any(device in (each, each.partition(".")[0]) for each in _core.available_devices):
        raise RenzhengError(
            f"OpenVINO finds no device {device}",
            remedy=f"it finds: {', '.join(_core.available_devices)}; others need a driver "
            "(docs/accelerators.md)",
        )
    source = "<bytes>" if isinstance(model, bytes) else str(model)
    try:
        network = _compiled(model, device, settings)
    except Exception as error:  # RuntimeError mostly, and others from its front end
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PackError(f"OpenVINO cannot load it: {reason}", source=source) from error
    if len(network.inputs) != 1:
        raise PackError(f"the network must have one input, not {len(network.inputs)}")
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
        idle.append(request)  # not if it failed
        return outputs

    first = network.inputs[0].partial_shape
    fixed = first[0].get_length() if len(first) and first[0].is_static else None
    return Loaded(run, _computing(network, device), fixed)


def _computing(network: Any, device: str) -> str:
    """Return the device that computes a network.

    Raises
    ------
    RenzhengError
        If it is another one than was asked for.
    """
    found = list(network.get_property("EXECUTION_DEVICES"))
    if not found or not all(each.startswith(device) for each in found):
        raise RenzhengError(
            f"OpenVINO computes on {', '.join(found) or 'no device'}, not on {device}",
            remedy="use --backend openvino, which is the processor",
        )
    return f"OpenVINO {', '.join(found)}"


def _compiled(model: Path | bytes, device: str, settings: dict[str, Any]) -> Any:
    """Compile a network; that of a file is kept, so that the next process finds it."""
    if isinstance(model, bytes):
        return _core.compile_model(_core.read_model(model, b""), device, settings)
    # The key leaves out threads but has the processor's abilities: machines may share a home.
    abilities = _core.get_property(device, "OPTIMIZATION_CAPABILITIES")
    place = compiled.place(
        model, ov.__version__, _core.get_property(device, "FULL_DEVICE_NAME"), *abilities
    )
    kept = None if place is None else compiled.read(place)
    if kept is not None:
        try:
            return _core.import_model(kept, device, settings)
        except Exception:  # another build of the same version made it: compile again
            kept = None
    network = _core.compile_model(_core.read_model(model), device, settings)
    if place is not None:
        with _lock:  # one at a time: the export is as large as the network
            exported = io.BytesIO()
            network.export_model(exported)
            compiled.write(place, exported.getvalue())
    return network
