"""Networks by onnxruntime, on the processor or by one of its other execution providers.

From 1.29 on, onnxruntime's official builds report to Microsoft which models are loaded, how often
they run and on what machine, under an identifier that is kept on the disk. renzheng reports to
nobody, so this is switched off before onnxruntime loads, which is the only moment to do it.

Asked for an accelerator that does not work, onnxruntime takes the processor instead and raises
nothing: so does 1.31's CUDA build where CUDA's libraries are missing. Even where the provider is
there, single layers may go to the processor. Both are errors here: what was asked for computes, or
nothing does.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy.typing as npt

from renzheng._support import files, ownership
from renzheng._support.cpu import cores, limited
from renzheng.errors import InvalidInput, PackError, RenzhengError
from renzheng.models.runtime import backends
from renzheng.models.runtime.backends import Backend
from renzheng.models.runtime.loaded import Loaded

# onnxruntime reads this as it loads; users who want reports may set 0.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort

if not hasattr(ort, "InferenceSession"):
    # Uninstalling one of two distributions takes files along that both had written.
    raise backends.conflict() or InvalidInput(
        "the installed onnxruntime is incomplete",
        remedy="pip install --force-reinstall --no-deps "
        + (backends.distributions() or ["onnxruntime"])[-1].split()[0],
    )
if os.environ["ORT_DISABLE_TELEMETRY"] == "1":
    ort.disable_telemetry_events()  # all that can be done if it was loaded before

Array = npt.NDArray[Any]

VERSION: str = ort.__version__
_PROCESSOR = "CPUExecutionProvider"
_ARITHMETIC = ("Conv", "Gemm", "MatMul")  # parts of the names of operators that do the work
_NOT_QUIET = 3  # errors only
_SILENT = 4


def providers() -> list[str]:
    """Return the execution providers of this build; they may still lack a driver or a device."""
    return list(ort.get_available_providers())


def load(
    model: Path | bytes, threads: int | None, calls: int, backend: Backend | None = None
) -> Loaded:
    """Return a network, ready to run.

    A call of one thread runs in its caller's thread, so any number of these run at a time; others
    share the network's threads, whatever `calls` is.

    Raises
    ------
    PackError
        If the file is not a network of one input that onnxruntime can run.
    RenzhengError
        If the backend's device cannot be used.
    """
    source = model if isinstance(model, bytes) else str(model)
    name = "<bytes>" if isinstance(model, bytes) else str(model)
    accelerator = backend if backend is not None and backend.accelerated else None
    try:
        if accelerator is None:
            ready, provider = session(source, options(threads)), _PROCESSOR
        else:
            # That the file is a network is seen first, whatever the device.
            inputs = session(source, options(1)).get_inputs()
            ready, provider = _on_device(source, accelerator, inputs[0], name)
    except RenzhengError:
        raise
    except Exception as error:  # onnxruntime's own family has no common root
        reason = str(error).splitlines()[0]
        raise PackError(f"onnxruntime cannot load it: {reason}", source=name) from error
    inputs = ready.get_inputs()
    if len(inputs) != 1:
        raise PackError(f"the network must have one input, not {len(inputs)}")
    key = inputs[0].name

    def run(batch: Array) -> list[Array]:
        outputs: list[Array] = ready.run(None, {key: batch})
        return outputs

    serial = accelerator is not None and accelerator.name == "directml"
    batch = inputs[0].shape[0] if inputs[0].shape else None
    fixed = batch if isinstance(batch, int) else None
    return Loaded(_one_at_a_time(run) if serial else run, provider, fixed)


def options(threads: int | None) -> Any:
    """Return the session options of every network."""
    chosen = ort.SessionOptions()
    chosen.log_severity_level = _NOT_QUIET
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
    return ort.InferenceSession(model, options, providers=[_PROCESSOR])


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep onnxruntime from writing to standard error, where a failure is expected."""
    ort.set_default_logger_severity(_SILENT)
    try:
        yield
    finally:
        ort.set_default_logger_severity(2)  # its own default: warnings


def _on_device(model: str | bytes, backend: Backend, given: Any, name: str) -> tuple[Any, str]:
    """Open a session on an accelerator; return it with the providers that do its arithmetic.

    Raises
    ------
    RenzhengError
        If the processor would compute instead, wholly or in part.
    """
    chosen = options(None)
    if backend.name == "directml":
        chosen.enable_mem_pattern = False  # DirectML's provider refuses it
    recorded = hasattr(ort.InferenceSession, "get_provider_graph_assignment_info")  # 1.24
    if recorded:
        chosen.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    # The copy of the processor takes what has no kernel: shapes, which is well, and layers, which
    # is seen below. enable_fallback=0: an error of a provider is raised, and not printed to stdout
    # with the processor in its place.
    missing = _preload(backend)
    try:
        ready = ort.InferenceSession(
            model, chosen, providers=[*_wanted(backend, given), _PROCESSOR], enable_fallback=0
        )
    except Exception as error:
        # What comes before is the name of a C++ function.
        reason = str(error).splitlines()[0].rpartition("&) ")[2]
        raise _unusable(backend, missing or reason) from error
    if backend.provider not in ready.get_providers():
        taken = f"onnxruntime took {', '.join(ready.get_providers())} instead"
        raise _unusable(backend, f"{taken}; {missing}" if missing else taken)
    if not recorded:
        return ready, backend.provider
    return ready, _computing(ready.get_provider_graph_assignment_info(), backend, name)


def _computing(assigned: Any, backend: Backend, source: str) -> str:
    """Return the names of the providers that compute a network, joined by ``+``.

    Raises
    ------
    RenzhengError
        If the processor does some of its arithmetic, or the provider asked for does none.
    """
    work: dict[str, list[str]] = {}
    for part in assigned:
        kinds = [each.op_type for each in part.get_nodes()]
        work.setdefault(part.ep_name, []).extend(kinds)
    heavy = {
        name: [kind for kind in kinds if any(each in kind for each in _ARITHMETIC)]
        for name, kinds in work.items()
    }
    heavy = {name: kinds for name, kinds in heavy.items() if kinds} or work
    if _PROCESSOR in heavy or (heavy and backend.provider not in heavy):
        other = _PROCESSOR if _PROCESSOR in heavy else next(iter(heavy))
        raise RenzhengError(
            f"{backend.provider} does not compute this network: {len(heavy[other])} of "
            f"{sum(map(len, heavy.values()))} layers ({', '.join(sorted(set(heavy[other])))}) "
            f"would be computed by {other}",
            source=source,
            remedy="use a network in float32, whose operators it has, or --backend onnxruntime",
        )
    others = sorted(name for name in heavy if name != backend.provider)
    return "+".join([backend.provider, *others])


def _wanted(backend: Backend, given: Any) -> list[Any]:
    """Return the providers of an accelerator with their options, in float32 throughout."""
    device = {"device_id": backend.device or "0"}
    # By default every new batch size is tried with each of cuDNN's algorithms first.
    # TensorFloat-32, the default of NVIDIA's libraries, keeps ten bits of a number's fraction:
    # distances would move by 1e-3.
    cuda = ("CUDAExecutionProvider", {**device, "cudnn_conv_algo_search": "HEURISTIC"})
    if backend.name == "cuda":
        cuda[1]["use_tf32"] = "0"
        return [cuda]
    if backend.name == "tensorrt":
        kept = files.cache_folder() / "tensorrt"  # or each start would build for minutes
        kept.mkdir(parents=True, exist_ok=True, mode=0o700)
        ownership.check_folder(kept, (each.name for each in kept.iterdir()))  # engines are code
        engine = {**device, "trt_engine_cache_enable": "1", "trt_engine_cache_path": str(kept)}
        sizes = given.shape[1:]
        if all(isinstance(each, int) for each in sizes):  # or each batch size would be built anew
            most = backends.batch_size(str(backend)) or 1
            for bound, rows in (("min", 1), ("opt", most), ("max", most)):
                rows = given.shape[0] if isinstance(given.shape[0], int) else rows
                shape = "x".join(str(each) for each in (rows, *sizes))
                engine[f"trt_profile_{bound}_shapes"] = f"{given.name}:{shape}"
        return [(backend.provider, engine), cuda]
    if backend.name == "directml":
        return [(backend.provider, device)]
    # The neural engine computes in float16 only, so it is left out.
    return [(backend.provider, {"ModelFormat": "MLProgram", "MLComputeUnits": "CPUAndGPU"})]


def _preload(backend: Backend) -> str:
    """Load CUDA's libraries out of NVIDIA's packages, if installed; return what is missing."""
    if backend.name == "tensorrt":
        # TensorRT has no option of onnxruntime's for it, but reads this as it loads.
        os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
    told: list[str] = []
    preload = getattr(ort, "preload_dlls", None)  # 1.21
    if backend.name in ("cuda", "tensorrt") and isinstance(preload, FunctionType):
        # It prints what it misses to standard output, which is the results' and all threads'.
        heard = {**preload.__globals__, "print": lambda *words, **_: told.extend(map(str, words))}
        with contextlib.suppress(Exception):
            FunctionType(preload.__code__, heard, None, preload.__defaults__)()
    return told[0].splitlines()[0] if told else ""


def _unusable(backend: Backend, reason: str) -> RenzhengError:
    needs = {
        "cuda": "it needs an NVIDIA driver, CUDA and cuDNN of onnxruntime-gpu's versions",
        "tensorrt": "it needs an NVIDIA driver, CUDA, cuDNN and TensorRT's libraries",
        "directml": "it needs a graphics driver with DirectX 12",
        "coreml": "it needs macOS 12 or later",
    }
    return RenzhengError(
        f"the backend {backend} cannot be used: {reason}",
        remedy=f"{needs[backend.name]} (docs/accelerators.md); without them use "
        "--backend onnxruntime",
    )


def _one_at_a_time(run: Callable[[Array], list[Array]]) -> Callable[[Array], list[Array]]:
    lock = threading.Lock()  # DirectML's sessions must not be called by two threads at a time

    def alone(batch: Array) -> list[Array]:
        with lock:
            return run(batch)

    return alone
