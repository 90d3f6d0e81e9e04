"""Networks behind a runtime of the user's choice, without any vision.

Each runtime is a module of its own and loads only on demand: onnxruntime is the default, OpenVINO
an extra. Their outputs agree to about 1e-6; which one is faster depends on the processor.
"""

from renzheng.models.runtime.network import (
    BACKENDS,
    VARIABLE,
    Call,
    Network,
    choose_backend,
    is_installed,
    load_backend,
    watch_calls,
)

__all__ = [
    "BACKENDS",
    "VARIABLE",
    "Call",
    "Network",
    "choose_backend",
    "is_installed",
    "load_backend",
    "watch_calls",
]
