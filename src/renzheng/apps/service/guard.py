"""The middleware that every request passes first: host, site, key, headers, counts and log line."""

from __future__ import annotations

import logging
import os
import re
import secrets
import time
from collections.abc import Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from renzheng.apps.service.keys import Keys
from renzheng.apps.service.metrics import Metrics
from renzheng.apps.service.problem_responses import send_problem
from renzheng.apps.service.problems import Problem

_log = logging.getLogger("renzheng.service")

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Content-Security-Policy": PAGE_POLICY,
    "Cache-Control": "no-store",
}
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\[\]:@/\\]+)(:[0-9]{1,5})?")
_OPEN = ("/healthz", "/readyz", "/openapi.json", "/")  # and /page/: nothing in these is private


class Guard:
    """ASGI middleware that checks host, site and key, adds headers, counts and logs one line.

    Parameters
    ----------
    app
        The guarded application.
    hosts
        Host names that the service answers to; empty for any.
    keys
        The API keys; None where none is required.
    metrics
        The counters, updated with every reply.
    routes
        The paths that are counted under their own names; all others count as ``other``.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        hosts: tuple[str, ...],
        keys: Keys | None,
        metrics: Metrics,
        routes: frozenset[str],
    ):
        self._app, self._hosts, self._keys = app, frozenset(h.lower() for h in hosts), keys
        self._metrics, self._routes = metrics, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        request = secrets.token_hex(8)
        state = scope.setdefault("state", {})
        state["request"], state["key"] = request, None
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers["X-Request-ID"] = request
            await send(message)

        try:
            try:
                self._admit(scope, state)
            except Problem as problem:
                await send_problem(problem, send_with_headers)
                return
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            # The type only: the text of an error may repeat what was sent.
            _log.error("%s failed: %s", request, type(error).__name__)
            if os.environ.get("RENZHENG_DEBUG"):
                _log.exception("%s", request)
            if status:
                raise  # in the middle of a reply: the connection has to be closed
            await send_problem(Problem("failed", "the service has a defect"), send_with_headers)
        finally:
            path = scope["path"]
            route = path if path in self._routes else "other"
            seconds = time.perf_counter() - start
            self._metrics.requests.labels(route, str(status or 499)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            # No address, no query, no file name and no unknown path is logged.
            _log.info(
                "%s %s %s %s %.0f ms",
                request,
                scope["method"] if scope["method"] in ("GET", "HEAD", "POST") else "-",
                route,
                status or "gone",
                seconds * 1e3,
            )

    def _admit(self, scope: Scope, state: dict[str, object]) -> None:
        headers = Headers(scope=scope)
        if self._hosts:
            host = _host(headers.get("host", ""))
            if host not in self._hosts:
                raise Problem(
                    "wrong_host",
                    "the request is for another host",
                    "ask by a name that the service knows, or start it with --allow-host NAME",
                )
        if not _is_open(scope) and _is_foreign(headers):
            raise Problem("cross_site", "a page of another site may not ask this service")
        if self._keys is not None and not _is_open(scope):
            state["key"] = self._who(headers)

    def _who(self, headers: Mapping[str, str]) -> str:
        assert self._keys is not None
        scheme, _, key = headers.get("authorization", "").partition(" ")
        name = self._keys.name(key.strip()) if scheme.lower() == "bearer" else None
        if name is None:
            raise Problem(
                "key_wanted",
                "no key, or none that is known",
                "send the header Authorization: Bearer KEY",
                headers={"WWW-Authenticate": 'Bearer realm="renzheng"'},
            )
        return name


def _is_open(scope: Scope) -> bool:
    path = scope["path"]
    return path in _OPEN or path.startswith("/page/")


def _is_foreign(headers: Headers) -> bool:
    """Return whether a browser marks the request as from another site; programs send no mark."""
    if headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.rpartition("://")[2] != headers.get("host")


def _host(header: str) -> str:
    """Return the name in a Host header without its port; empty if the header is malformed."""
    found = _HOST.fullmatch(header.strip().lower())
    return "" if found is None else found[1]
