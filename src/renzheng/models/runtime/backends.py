"""The backends: libraries and devices that compute networks, and how each is installed."""

from __future__ import annotations

import os
from dataclasses import dataclass

from renzheng.errors import InvalidInput
from renzheng.models.defaults import AUTO, BACKEND_VARIABLE

VARIABLE = BACKEND_VARIABLE
BATCH_VARIABLE = "RENZHENG_BATCH"


@dataclass(frozen=True)
class _Kind:
    """The properties of a backend that its name stands for.

    Attributes
    ----------
    library
        The module that computes: ``onnxruntime`` or ``openvino``.
    provider
        Its execution provider in onnxruntime; empty for OpenVINO.
    batch
        The most rows of a call that fill the device; None is as on a processor.
    remedy
        The way to install it.
    """

    library: str
    provider: str = ""
    batch: int | None = None
    remedy: str = ""


# Both packages write the same module, and pip cannot say "one of the two": installed together, the
# ordinary one hides the other's providers (tried with 1.31), and removing it takes shared files
# along, so the other has to be written once more.
_INSTEAD = "pip uninstall -y onnxruntime {0}, then pip install '{0}{1}'; see docs/accelerators.md"
_GPU = _INSTEAD.format("onnxruntime-gpu", "[cuda,cudnn]")
# 64 rows are 32 faces with their mirror images: 10 MB of input, far below any device's memory.
# Nothing here has measured it; $RENZHENG_BATCH sets another.
_KINDS = {
    "onnxruntime": _Kind("onnxruntime", "CPUExecutionProvider", remedy="pip install onnxruntime"),
    "openvino": _Kind("openvino", remedy="pip install 'renzheng[openvino]'"),
    "cuda": _Kind("onnxruntime", "CUDAExecutionProvider", 64, _GPU),
    "tensorrt": _Kind("onnxruntime", "TensorrtExecutionProvider", 64, _GPU),
    "directml": _Kind(
        "onnxruntime",
        "DmlExecutionProvider",
        64,
        f"on Windows only: {_INSTEAD.format('onnxruntime-directml', '')}",
    ),
    "coreml": _Kind(
        "onnxruntime", "CoreMLExecutionProvider", 16, "on macOS only, where onnxruntime has it"
    ),
}
BACKENDS = tuple(_KINDS)  # the default first
PROCESSOR_BACKENDS = ("onnxruntime", "openvino")
# The best first. TensorRT builds each network for minutes, and whether OpenVINO is faster depends
# on the processor (`renzheng bench`): neither is chosen for anybody.
AUTOMATIC = ("cuda", "directml", "coreml", "onnxruntime")
# Distributions that hold a module called onnxruntime.
_DISTRIBUTIONS = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-directml",
    "onnxruntime-openvino",
    "onnxruntime-rocm",
)


@dataclass(frozen=True)
class Backend:
    """A backend with its device.

    Attributes
    ----------
    name
        One of `BACKENDS`.
    device
        The number of the device, or OpenVINO's name for it; empty is the first, or the processor.
    """

    name: str
    device: str = ""

    def __str__(self) -> str:
        return f"{self.name}:{self.device}" if self.device else self.name

    @property
    def library(self) -> str:
        """The module that computes."""
        return _KINDS[self.name].library

    @property
    def provider(self) -> str:
        """The execution provider in onnxruntime; empty for OpenVINO."""
        return _KINDS[self.name].provider

    @property
    def accelerated(self) -> bool:
        """Whether a device other than the processor computes."""
        return self.name not in PROCESSOR_BACKENDS or bool(self.device)


def parse(text: str, source: str | None = None) -> Backend:
    """Read a backend's name: ``cuda``, or with its device ``cuda:1``, ``openvino:GPU``.

    Raises
    ------
    InvalidInput
        If there is no such backend or device; `source` is its ``source``.
    """
    name, colon, device = text.partition(":")
    if name not in BACKENDS:
        raise InvalidInput(
            f"unknown backend {name!r}",
            source=source,
            remedy=f"there are: {', '.join((*BACKENDS, AUTO))}",
        )
    if not colon:
        return Backend(name)
    if name == "openvino":
        # AUTO, HETERO and MULTI would choose by themselves, and not say so.
        kind, _, number = device.partition(".")
        known = kind in ("CPU", "GPU", "NPU") and (number.isdecimal() or device == kind)
        if known:
            return Backend(name, "" if device == "CPU" else device)
        example = "openvino:GPU, openvino:GPU.1 or openvino:NPU"
    elif name in ("onnxruntime", "coreml"):
        example = f"{name}, which has one device"
    else:
        if device.isdecimal() and device.isascii() and len(device) <= 3:
            return Backend(name, "" if int(device) == 0 else str(int(device)))
        example = f"{name}:0 or {name}:1"
    raise InvalidInput(
        f"unknown device {device!r} of the backend {name}", source=source, remedy=f"e.g. {example}"
    )


def not_installed(backend: Backend, source: str | None = None) -> InvalidInput:
    """Return the error for a backend that is not installed."""
    both = conflict()
    reason = f"the backend {backend.name} is not installed"
    if both is not None and backend.library == "onnxruntime":
        reason = f"{reason}: {both.reason}"
    return InvalidInput(reason, source=source, remedy=_KINDS[backend.name].remedy)


def distributions() -> list[str]:
    """Return the installed distributions that hold a module called onnxruntime."""
    from importlib import metadata  # takes a moment

    found = []
    for name in _DISTRIBUTIONS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return found


def conflict() -> InvalidInput | None:
    """Return the error of distributions that overwrite each other; None where there is one."""
    found = distributions()
    if len(found) < 2:
        return None
    kept = found[-1].split()[0]
    return InvalidInput(
        f"{' and '.join(found)} are both installed; they write the same module, and one hides the "
        "other's providers",
        remedy=f"keep one: pip uninstall -y {' '.join(each.split()[0] for each in found)}, then "
        f"pip install {kept}",
    )


def batch_size(backend: str) -> int | None:
    """Return the most rows of a call that fill a backend's device; None on a processor.

    Raises
    ------
    InvalidInput
        If ``$RENZHENG_BATCH``, which sets another number, is none.
    """
    parsed = parse(backend)
    if not parsed.accelerated:
        return None
    text = os.environ.get(BATCH_VARIABLE, "")
    if not text:
        return _KINDS[parsed.name].batch or 16  # OpenVINO's other devices are small ones
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 4096):
        raise InvalidInput(
            f"a batch has 1 to 4096 rows, not {text!r}", source=BATCH_VARIABLE, remedy="e.g. 64"
        )
    return int(text)
