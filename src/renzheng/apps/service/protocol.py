"""Connections that say nothing, too slowly, or read nothing, and must not keep others out."""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from renzheng.apps.service.problems import MEDIA_TYPE, Problem

_READ_REPLY = 30.0  # seconds that a client may take to read what it asked for


def protocol(header_timeout: float, connections: int) -> type[H11Protocol]:
    """uvicorn's HTTP protocol with limits that it lacks.

    Its own ``limit_concurrency`` turns requests away once there are many connections, also those
    that say nothing: a thousand of these would shut everybody out.

    Parameters
    ----------
    header_timeout
        Seconds from the first moment that a request could come, to the end of its headers.
    connections
        How many there may be. Beyond, one makes room: of those that ask nothing the one that has
        been silent longest; else of those whose request is still arriving the oldest; else the new
        one. Who sends quickly is gone from there before anybody can push it out.
    """

    class Limited(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _stuck: asyncio.TimerHandle | None = None
        _since = 0.0  # when a request began, or nothing was asked any more

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._since = self.loop.time()
            self._wait()
            if len(self.connections) > connections:
                self._make_room()

        def data_received(self, data: bytes) -> None:
            if not self._busy():
                self._since = self.loop.time()
            super().data_received(data)
            if self._busy():
                self._unwait()
            elif self._deadline is None and not self.transport.is_closing():
                self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwait()
            self._unstick()
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            if self._stuck is None:
                self._stuck = self.loop.call_later(_READ_REPLY, self.transport.abort)

        def resume_writing(self) -> None:
            self._unstick()
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
                pass  # in the middle of a reply
            self.transport.close()

        def _busy(self) -> bool:
            return self.cycle is not None and not self.cycle.response_complete

        def _wait(self) -> None:
            self._deadline = self.loop.call_later(header_timeout, self._too_late)

        def _unwait(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _unstick(self) -> None:
            if self._stuck is not None:
                self._stuck.cancel()
                self._stuck = None

        def _too_late(self) -> None:
            self._deadline = None
            if not self._busy():
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
            silent = [each for each in others if not each._busy()]
            arriving = [each for each in others if each._busy() and each.cycle.more_body]
            oldest = min(silent or arriving, key=lambda each: each._since, default=self)
            # abort, not close: what is not read would be waited for.
            oldest.transport.abort()

    return Limited
