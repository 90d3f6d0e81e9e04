"""One network file behind a runtime of the user's choice. No vision here.

Each runtime is a module of its own, and loads only where it is asked for: onnxruntime is the
default, OpenVINO an extra. They compute the same to about 1e-6; which one is faster depends on the
processor.
"""

from renzheng.models.runtime.network import (
    BACKENDS,
    VARIABLE,
    Call,
    Network,
    chosen,
    computing,
    installed,
    watched,
)

__all__ = [
    "BACKENDS",
    "VARIABLE",
    "Call",
    "Network",
    "chosen",
    "computing",
    "installed",
    "watched",
]
