"""Request bodies, read within limits and parsed in memory.

Web frameworks write large uploads to temporary files. Faces must not reach the disk, so bodies stay
in memory here: the settings limit the size of each one and of all together.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from renzheng.apps.service.problems import Problem
from renzheng.apps.service.settings import Settings

MEDIA_TYPE = "multipart/form-data"

_MAX_PARTS = 64
_MAX_HEADERS = 4096  # bytes of the headers of one part
_MAX_TEXT = 4096  # bytes of a text field
_LINGER = 4 << 20  # bytes that are read and dropped, so that a client gets to read the problem
_RETRY_AFTER = "1"  # seconds


@dataclass(frozen=True)
class Form:
    """A form that a client sent.

    Attributes
    ----------
    files
        The content of each part with a file name, by field.
    fields
        The texts of all other parts, by field, in order.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    fields: dict[str, list[str]] = field(default_factory=dict)


class Uploads:
    """A reader of bodies, all of them within one budget of memory.

    Parameters
    ----------
    settings
        The settings, which hold the limits.
    """

    def __init__(self, settings: Settings):
        self._max_bytes, self._budget = settings.max_upload, settings.memory
        self._seconds = settings.upload_timeout
        self.held = 0

    @asynccontextmanager
    async def form(self, request: Request) -> AsyncIterator[Form]:
        """Read the form of a request; its memory counts until the end of the block.

        Raises
        ------
        Problem
            If the body is not a form, is too large or too slow, or there is no memory for it.
        """
        boundary = _boundary(request)
        _check_length(request, self._max_bytes)
        held = 0

        def hold(count: int) -> None:
            nonlocal held
            if held + count > self._max_bytes:
                raise _too_large(self._max_bytes)
            if self.held + count > self._budget:
                raise Problem(
                    "busy",
                    "many requests bring pictures just now",
                    "try again soon",
                    headers={"Retry-After": _RETRY_AFTER},
                )
            held += count
            self.held += count

        try:
            parser = _Parser(boundary)
            try:
                async with asyncio.timeout(self._seconds):
                    async for chunk in request.stream():
                        hold(len(chunk))
                        parser.feed(chunk)
            except TimeoutError:
                raise Problem(
                    "too_slow",
                    f"the request did not arrive within {self._seconds:g} s",
                    headers={"Connection": "close"},
                ) from None
            yield parser.finish()
        finally:
            self.held -= held

    async def drain(self, request: Request) -> None:
        """Read and drop what a client still sends, within limits, so that it reads the reply.

        To most clients, a reply and a closed connection while they are still sending look like a
        failure of the network.
        """
        taken, end = 0, time.monotonic() + min(5.0, self._seconds)
        with contextlib.suppress(ClientDisconnect, RuntimeError, TimeoutError):
            async with asyncio.timeout(end - time.monotonic()):
                async for chunk in request.stream():
                    taken += len(chunk)
                    if taken > _LINGER + self._max_bytes:
                        return


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type"))
    if kind != MEDIA_TYPE.encode():
        raise Problem(
            "wrong_content_type",
            f"a form is wanted, not {kind.decode('latin-1', 'replace')[:80] or 'nothing'}",
            f"send the pictures as {MEDIA_TYPE}",
        )
    boundary = options.get(b"boundary", b"")
    if not 1 <= len(boundary) <= 200:
        raise Problem("bad_multipart", "the form's boundary is not named, or too long")
    return boundary


def _check_length(request: Request, max_bytes: int) -> None:
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and (len(length) > 18 or int(length) > max_bytes):
        raise _too_large(max_bytes)


def _too_large(max_bytes: int) -> Problem:
    return Problem(
        "too_large",
        f"the request is larger than {max_bytes / (1 << 20):.4g} MiB",
        "send smaller pictures",
        headers={"Connection": "close"},
    )


def _bad(detail: str) -> Problem:
    return Problem("bad_multipart", detail)


class _Parser:
    """A parser of one form, fed chunk by chunk."""

    def __init__(self, boundary: bytes):
        self._files: dict[str, bytes] = {}
        self._fields: dict[str, list[str]] = {}
        self._parts = 0
        self._ended = False
        self._header: tuple[bytearray, bytearray] = (bytearray(), bytearray())
        self._disposition = b""
        self._headers = 0
        self._name, self._is_file, self._data = "", False, bytearray()
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._part_data,
                "on_part_end": self._end,
                "on_end": self._whole,
            },
        )

    def feed(self, chunk: bytes) -> None:
        try:
            self._parser.write(chunk)
        except FormParserError:
            raise _bad("the form is broken") from None

    def finish(self) -> Form:
        try:
            self._parser.finalize()
        except FormParserError:
            raise _bad("the form is broken") from None
        if not self._ended:
            raise _bad("the form ends in the middle")
        return Form(self._files, self._fields)

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > _MAX_PARTS:
            raise _bad(f"the form has more than {_MAX_PARTS} parts")
        self._disposition, self._headers = b"", 0
        self._data = bytearray()

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header[0].extend(data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header[1].extend(data[start:end])

    def _count(self, more: int) -> None:
        self._headers += more
        if self._headers > _MAX_HEADERS:
            raise _bad("a part of the form has too long headers")

    def _header_end(self) -> None:
        name, value = (bytes(each) for each in self._header)
        self._header = (bytearray(), bytearray())
        if name.lower() == b"content-disposition":
            self._disposition = value
        if name.lower() == b"content-transfer-encoding" and value.strip().lower() not in (
            *(b"binary", b"8bit", b"7bit"),
        ):
            raise _bad("a part of the form is encoded: send it as it is")

    def _headers_finished(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise _bad("a part of the form has no name")
        self._name = options[b"name"].decode("utf-8", "replace")
        self._is_file = b"filename" in options
        if self._is_file and self._name in self._files:
            raise _bad(f"the form holds two files called {self._name!r}")

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.extend(memoryview(data)[start:end])
        if not self._is_file and len(self._data) > _MAX_TEXT:
            raise _bad(f"the field {self._name!r} is longer than {_MAX_TEXT} bytes")

    def _end(self) -> None:
        if self._is_file:
            self._files[self._name] = bytes(self._data)
        else:
            try:
                text = self._data.decode("utf-8")
            except UnicodeDecodeError:
                raise _bad(f"the field {self._name!r} is not UTF-8") from None
            self._fields.setdefault(self._name, []).append(text)
        self._data = bytearray()

    def _whole(self) -> None:
        self._ended = True
