"""Networks behind a runtime of the user's choice, without any vision.

Each runtime is a module of its own and loads only on demand: onnxruntime is the default, OpenVINO
an extra; onnxruntime's other builds have execution providers for GPUs. All compute in float32, so
their outputs agree to about 1e-6; which one is faster depends on the machine.
"""

from renzheng.models.defaults import AUTO
from renzheng.models.runtime.backends import (
    BACKENDS,
    PROCESSOR_BACKENDS,
    VARIABLE,
    batch_size,
)
from renzheng.models.runtime.loading import is_installed
from renzheng.models.runtime.network import Call, Network, watch_calls
from renzheng.models.runtime.selection import choose_backend, detection_backend, load_backend

__all__ = [
    "AUTO",
    "BACKENDS",
    "PROCESSOR_BACKENDS",
    "VARIABLE",
    "Call",
    "Network",
    "batch_size",
    "choose_backend",
    "detection_backend",
    "is_installed",
    "load_backend",
    "watch_calls",
]
