"""The libraries behind the backends: whether they are installed, and their modules."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from renzheng.models.runtime import backends
from renzheng.models.runtime.backends import Backend


def is_installed(backend: str) -> bool:
    """Return whether a backend is installed, by its name; that of a processor loads nothing.

    That of an accelerator may still not work: its drivers or its device may be missing.
    """
    kind = backends.parse(backend)
    if importlib.util.find_spec(kind.library) is None:
        return False
    if backend in backends.PROCESSOR_BACKENDS or not kind.provider:
        return True
    from renzheng.models.runtime import with_onnxruntime

    return kind.provider in with_onnxruntime.providers()


def load_module(backend: Backend, source: str | None = None) -> ModuleType:
    """Load the module that computes networks by a backend's library.

    Parameters
    ----------
    backend
        The backend.
    source
        The place that its name comes from, for errors.

    Raises
    ------
    InvalidInput
        If the backend is not installed, or in part only.
    """
    if not is_installed(backend.name):
        raise backends.not_installed(backend, source)
    # Each takes a moment to load and megabytes to keep: only the one in use is loaded.
    return importlib.import_module(f"renzheng.models.runtime.with_{backend.library}")
