"""The uvicorn server of the service, with limits on what a connection may do."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from renzheng.apps.service.app import create_app
from renzheng.apps.service.protocol import protocol
from renzheng.apps.service.settings import Settings
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.models.runtime import shared

_GRACE = 10.0  # seconds beyond the longest that a request may take
_MAX_HEADERS = 32 << 10  # bytes
_BACKLOG = 2048


def serve(
    settings: Settings,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    certificate: Path | None = None,
    private_key: Path | None = None,
) -> None:
    """Serve until a signal ends it; requests accepted until then are finished.

    Parameters
    ----------
    settings
        The settings of the service.
    host, port
        The address to listen at; port 0 takes a free one.
    certificate, private_key
        PEM files for TLS; without them, or a proxy that speaks TLS, serve this machine only.

    Raises
    ------
    InvalidInput
        If the address is taken, or a file cannot be read.
    PackError
        If a pack is missing or damaged.
    """
    _allow_connections(settings.connections)
    listening = _listen(host, port)
    with contextlib.closing(listening):
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            http=protocol(settings.header_timeout, settings.connections),
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,  # its lines hold paths and queries as they were sent
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=int(settings.longest + _GRACE),
            h11_max_incomplete_event_size=_MAX_HEADERS,
            ssl_certfile=certificate,
            ssl_keyfile=private_key,
        )
        with _log_lines():
            try:
                config.load()
            except (OSError, ValueError) as error:
                raise InvalidInput(
                    f"the certificate cannot be used: {error}", source=str(certificate)
                ) from error
            name, bound = listening.getsockname()[:2]
            scheme = "http" if certificate is None else "https"
            shown = f"[{name}]" if ":" in name else name
            where = f"{scheme}://{shown}:{bound}/"
            server = _Server(config, where, settings)
            # uvicorn raises the signal that ended it once more when all is done.
            before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            try:
                with shared.networks(settings.backend):
                    server.run(sockets=[listening])
            except KeyboardInterrupt:
                pass
            except SystemExit as error:
                if error.code:
                    failure = app.state.service.failure
                    raise failure or RenzhengError("the service could not start") from None
            finally:
                signal.signal(signal.SIGTERM, before)


class _Server(uvicorn.Server):
    """A uvicorn server that prints its address once it listens."""

    def __init__(self, config: uvicorn.Config, where: str, settings: Settings):
        super().__init__(config)
        self._where, self._settings = where, settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        keys = "an API key is wanted" if self._settings.keys else "no API key is wanted"
        print(
            f"renzheng: {self._where} with {self._settings.processes} worker(s); {keys}; "
            "end it with Ctrl-C",
            file=sys.stderr,
            flush=True,
        )


@contextlib.contextmanager
def _log_lines() -> Iterator[None]:
    """Write the service's log lines to standard error while it runs."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours, theirs = logging.getLogger("renzheng.service"), logging.getLogger("uvicorn.error")
    before = [(each, each.level, each.propagate) for each in (ours, theirs)]
    ours.setLevel(logging.INFO)
    # uvicorn's warnings hold lines of requests, its errors tracebacks.
    theirs.setLevel(logging.CRITICAL)
    for each in (ours, theirs):
        each.addHandler(handler)
        each.propagate = False
    try:
        yield
    finally:
        for each, level, propagate in before:
            each.removeHandler(handler)
            each.setLevel(level)
            each.propagate = propagate


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= 65535:
        raise InvalidInput(f"a port lies between 0 and 65535, not {port}")
    try:
        family, kind, protocol_, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol_)
    except (OSError, UnicodeError) as error:
        raise InvalidInput(f"unknown host {host!r}: {error}") from error
    try:
        if os.name == "posix":  # on other systems it lets two programs listen at one address
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise InvalidInput(
            f"{host}:{port} cannot be listened at: {error.strerror or error}",
            remedy="choose another with --port, or stop the program that listens there",
        ) from error
    listening.setblocking(False)
    return listening


def _allow_connections(count: int) -> None:
    """Raise the limit on open files where it is too low for the connections."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))
