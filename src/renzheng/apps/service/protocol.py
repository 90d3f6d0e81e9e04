"""Limits on connections that send nothing, send too slowly or read nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from renzheng.apps.service.problems import MEDIA_TYPE, Problem

_READ_REPLY = 30.0  # seconds that a client may take to read its reply


def protocol(header_timeout: float, connections: int) -> type[H11Protocol]:
    """Return uvicorn's HTTP protocol with limits that it lacks.

    Its own ``limit_concurrency`` turns requests away once there are many connections, silent ones
    included: a thousand silent connections would shut everybody out.

    Parameters
    ----------
    header_timeout
        Seconds from the moment that a request can begin to the end of its headers.
    connections
        The most connections at a time. Beyond that, one is closed: the one that has been silent
        longest; if none is silent, the oldest whose request is still arriving; if there is none,
        the new one. A client that sends quickly has left these states before it can be displaced.
    """

    class Limited(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _stuck: asyncio.TimerHandle | None = None
        _since = 0.0  # when the request began, or the connection became silent

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._since = self.loop.time()
            self._start_deadline()
            if len(self.connections) > connections:
                self._make_room()

        def data_received(self, data: bytes) -> None:
            if not self._is_busy():
                self._since = self.loop.time()
            super().data_received(data)
            if self._is_busy():
                self._stop_deadline()
            elif self._deadline is None and not self.transport.is_closing():
                self._start_deadline()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_deadline()
            self._stop_stuck()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._stuck is None:
                self._stuck = self.loop.call_later(_READ_REPLY, self.transport.abort)

        def resume_writing(self) -> None:
            self._stop_stuck()
            super().resume_writing()

        def send_400_response(self, msg: str) -> None:
            problem = Problem("bad_request", "this is no HTTP request, or its headers are too long")
            body = problem.body()
            headers = [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
                (b"connection", b"close"),
            ]
            try:
                for event in (
                    h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                    h11.Data(data=body),
                    h11.EndOfMessage(),
                ):
                    self.transport.write(self.conn.send(event) or b"")
            except h11.LocalProtocolError:
                pass  # a reply has begun
            self.transport.close()

        def _is_busy(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _start_deadline(self) -> None:
            self._deadline = self.loop.call_later(header_timeout, self._on_deadline)

        def _stop_deadline(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _stop_stuck(self) -> None:
            if self._stuck is not None:
                self._stuck.cancel()
                self._stuck = None

        def _on_deadline(self) -> None:
            self._deadline = None
            if not self._is_busy():
                self.transport.abort()

        def _make_room(self) -> None:
            others: list[Any] = [
                each
                for each in self.connections
                if isinstance(each, Limited)
                and each is not self
                and not each.transport.is_closing()
                and not each.transport.get_write_buffer_size()  # a reply is on its way
            ]
            silent = [each for each in others if not each._is_busy()]
            arriving = [each for each in others if each._is_busy() and each.cycle.more_body]
            oldest = min(silent or arriving, key=lambda each: each._since, default=self)
            # abort and not close: close waits until the client has read everything.
            oldest.transport.abort()

    return Limited
