"""Forms, taken apart in memory and within limits."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from renzheng.apps.service.problems import Problem
from renzheng.apps.service.settings import Settings
from renzheng.apps.service.uploads import Form, Uploads

BOUNDARY = "x-7f3a"
Reader = Callable[[Request], Awaitable[Form]]


def encode(parts: list[tuple[str, str | None, bytes]], end: bool = True) -> bytes:
    """A form by RFC 7578: name, file name or None, content."""
    lines = []
    for name, file, content in parts:
        told = f'form-data; name="{name}"' + ("" if file is None else f'; filename="{file}"')
        head = f"--{BOUNDARY}\r\nContent-Disposition: {told}\r\n\r\n"
        lines.append(head.encode() + content + b"\r\n")
    return b"".join(lines) + (f"--{BOUNDARY}--\r\n".encode() if end else b"")


def read(
    body: bytes,
    *,
    cuts: list[int] | None = None,
    kind: str | None = f"multipart/form-data; boundary={BOUNDARY}",
    length: str | None = None,
    uploads: Uploads | None = None,
    pause: float = 0,
) -> Form:
    """The form of a body that arrives in pieces."""
    marks = [0, *sorted(min(cut, len(body)) for cut in cuts or ()), len(body)]
    pieces = [body[a:b] for a, b in itertools.pairwise(marks)]
    headers = {"content-type": kind, "content-length": length}
    scope = {
        "type": "http",
        "method": "POST",
        "headers": [(k.encode(), v.encode()) for k, v in headers.items() if v is not None],
    }
    uploads = uploads or Uploads(Settings())
    sent = 0

    async def receive() -> dict[str, object]:
        nonlocal sent
        await asyncio.sleep(pause)
        sent += 1
        return {
            "type": "http.request",
            "body": pieces[sent - 1],
            "more_body": sent < len(pieces),
        }

    async def run() -> Form:
        async with uploads.form(Request(scope, receive)) as form:
            held = uploads.held
            assert held == len(body)
        return form

    try:
        return asyncio.run(run())
    finally:
        assert uploads.held == 0


def code(body: bytes, **more: object) -> str:
    with pytest.raises(Problem) as told:
        read(body, **more)  # type: ignore[arg-type]
    return told.value.code


_names = st.text(st.sampled_from("abcxyz_0é"), min_size=1, max_size=8)


@given(
    st.dictionaries(_names, st.binary(max_size=300), max_size=3),
    st.lists(st.tuples(_names, st.text("ab é\n人", max_size=20)), max_size=5),
    st.lists(st.integers(0, 2000), max_size=12),
)
def test_a_form_comes_apart_wherever_it_is_cut(
    files: dict[str, bytes], texts: list[tuple[str, str]], cuts: list[int]
) -> None:
    parts = [(name, "人 '.jpg", content) for name, content in files.items()]
    parts += [(name, None, text.encode()) for name, text in texts]  # type: ignore[misc]
    if not parts:
        return
    form = read(encode(parts), cuts=cuts)
    assert form.files == files
    wanted: dict[str, list[str]] = {}
    for name, text in texts:
        wanted.setdefault(name, []).append(text)
    assert form.fields == wanted


@given(st.integers(0, 10_000))
def test_a_part_of_a_form_is_no_form(cut: int) -> None:
    body = encode([("reference", "a", b"1" * 50), ("probe", "b", b"--x\r\n" * 5)])
    whole = body[: -len("--\r\n")]  # what follows is not needed
    assert code(whole[: cut % len(whole)]) == "bad_multipart"


@given(st.binary(max_size=400))
def test_garbage_is_no_form(body: bytes) -> None:
    assert code(body) == "bad_multipart"


def test_other_types_are_told_apart() -> None:
    for kind in (None, "", "application/json", "multipart/mixed; boundary=x", "é", ";;;"):
        assert code(b"{}", kind=kind) == "wrong_content_type"
    for kind in ("multipart/form-data", f"multipart/form-data; boundary={'x' * 300}"):
        assert code(b"{}", kind=kind) == "bad_multipart"


@pytest.mark.parametrize(
    "body",
    [
        encode([("a", "x", b"1"), ("a", "x", b"2")]),
        encode([("a", None, b"1" * 5000)]),
        encode([("a", None, b"\xff\xfe")]),
        encode([(f"f{k}", None, b"") for k in range(65)]),
        encode([("a" * 5000, "x", b"1")]),
        encode([("a", "x", b"1")]).replace(b"form-data;", b"attachment;"),
        encode([("a", "x", b"1")]).replace(b' name="a";', b""),
        encode([("a", "x", b"1")]).replace(
            b"\r\n\r\n1", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n1"
        ),
        encode([("a", "x", b"1")]).replace(b"Content-Disp", b"Content Disp"),
    ],
)
def test_broken_parts_are_refused(body: bytes) -> None:
    assert code(body) == "bad_multipart"


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    uploads = Uploads(Settings(max_upload=1000, memory=1500))
    small, large = encode([("a", "x", b"1" * 500)]), encode([("a", "x", b"1" * 1000)])
    assert read(small, uploads=uploads).files == {"a": b"1" * 500}
    assert code(large, uploads=uploads, length=str(len(large))) == "too_large"
    assert code(large, uploads=uploads) == "too_large"  # it does not say how large
    assert code(small, uploads=uploads, length="9" * 30) == "too_large"


def test_all_bodies_together_have_a_limit() -> None:
    uploads = Uploads(Settings(max_upload=1000, memory=1000))

    async def two() -> None:
        body = encode([("a", "x", b"1" * 500)])
        scope = {
            "type": "http", "method": "POST",
            "headers": [(b"content-type", f"multipart/form-data; boundary={BOUNDARY}".encode())],
        }  # fmt: skip

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async with uploads.form(Request(scope, receive)):
            with pytest.raises(Problem) as told:
                async with uploads.form(Request(scope, receive)):
                    pass
            assert told.value.code == "busy"
            assert told.value.headers["Retry-After"] == "1"
        assert uploads.held == 0
        async with uploads.form(Request(scope, receive)) as form:
            assert form.files
        assert uploads.held == 0

    asyncio.run(two())


def test_who_sends_too_slowly_is_told_so() -> None:
    uploads = Uploads(Settings(upload_timeout=0.2))
    body = encode([("a", "x", b"1" * 500)])
    assert code(body, uploads=uploads, cuts=[100, 200, 300], pause=0.15) == "too_slow"
