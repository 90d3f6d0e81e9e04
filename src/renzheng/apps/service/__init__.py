"""The HTTP service: comparisons for programs in any language, and a web page for people.

It needs the extra ``serve``. One process speaks HTTP and computes nothing; worker processes
(`workers`) hold the networks. Pictures and embeddings live in memory for the length of a request.

`Client` calls the service from Python, with the extra ``client``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from renzheng.apps.service.app import create_app
    from renzheng.apps.service.client import Client, ServiceError
    from renzheng.apps.service.server import serve
    from renzheng.apps.service.settings import Settings

_HOMES = {
    "create_app": "app",
    "Client": "client",
    "ServiceError": "client",
    "serve": "server",
    "Settings": "settings",
}

__all__ = ["Client", "ServiceError", "Settings", "create_app", "serve"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
