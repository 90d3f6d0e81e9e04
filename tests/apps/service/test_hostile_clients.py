"""Clients that send nothing, too slowly, too much or nonsense: the service goes on serving."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from running_service import Running, running, wait_until

BOUNDARY = b"x7f"
HEAD = (
    b"POST /v1/verify HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: multipart/form-data; boundary=" + BOUNDARY + b"\r\n"
)


@pytest.fixture(scope="module")
def strict() -> Iterator[Running]:
    """A service with little patience and room for few connections."""
    with running("--workers", 1, "--connections", 60, "--upload-timeout", 2) as found:
        yield found


def reply(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body, up to the end of the connection or of the body."""
    content = b""
    while b"\r\n\r\n" not in content:
        more = connection.recv(65536)
        assert more, content
        content += more
    head, _, body = content.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        more = connection.recv(65536)
        assert more
        body += more
    return int(head.split()[1]), body


def fine(service: Running) -> None:
    assert httpx.get(service.url + "/readyz", timeout=10).status_code == 200
    # And it still compares.
    files = {"reference": ("x", b"text"), "probe": ("y", b"text")}
    told = httpx.post(service.url + "/v1/verify", files=files, timeout=10).json()
    assert told["decision"] == "not_comparable"


def test_a_thousand_connections_that_send_nothing_shut_nobody_out(service: Running) -> None:
    silent = [service.connect() for _ in range(1100)]
    try:
        fine(service)
    finally:
        for each in silent:
            each.close()


def test_silent_connections_make_room_and_busy_ones_stay(strict: Running) -> None:
    busy = strict.connect()
    busy.sendall(HEAD + b"Content-Length: 100\r\n\r\n--x7f\r\n")
    time.sleep(0.2)
    silent = [strict.connect() for _ in range(150)]
    try:
        fine(strict)
        closed = 0
        for each in silent[:40]:
            each.settimeout(5)
            try:
                closed += not each.recv(1)
            except ConnectionResetError:
                closed += 1
        assert closed == 40
        assert reply(busy)[0] == 408  # later, by its own fault
    finally:
        for each in (*silent, busy):
            each.close()


def test_slow_uploads_end(strict: Running) -> None:
    connections = [strict.connect() for _ in range(20)]
    for each in connections:
        each.sendall(HEAD + b"Content-Length: 10000\r\n\r\n--x7f\r\nContent-Disposition: form-")
    fine(strict)
    for each in connections:
        status, body = reply(each)
        assert (status, json.loads(body)["code"]) == (408, "too_slow")
        each.close()
    wait_until(lambda: "renzheng_upload_bytes 0.0" in httpx.get(strict.url + "/metrics").text)


def test_headers_byte_by_byte_are_cut_off() -> None:
    with running("--workers", 1, "--header-timeout", 1) as service:
        connection = service.connect()
        stop = threading.Event()

        def drip() -> None:
            for byte in b"GET /healthz HTTP/1.1\r\nX-Long: " + b"x" * 500:
                if stop.wait(0.1):
                    return
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    return

        thread = threading.Thread(target=drip)
        thread.start()
        with contextlib.suppress(ConnectionResetError):
            assert not connection.recv(100)  # else it times out
        stop.set()
        thread.join()
        connection.close()
        fine(service)


def test_bodies_that_do_not_arrive_shut_nobody_out() -> None:
    with running("--workers", 1, "--connections", 20) as service:
        slow = [service.connect() for _ in range(60)]
        try:
            for each in slow:
                with contextlib.suppress(OSError):
                    each.sendall(HEAD + b"Content-Length: 1000\r\n\r\n--x7f\r\n")
            fine(service)
        finally:
            for each in slow:
                each.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n\x00\x00",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5, 6\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_request_is_answered_or_dropped(service: Running, sent: bytes) -> None:
    with service.connect() as connection:
        try:
            connection.sendall(sent)
            status, body = reply(connection)
        except (ConnectionResetError, BrokenPipeError):
            status, body = 400, b'{"status": 400}'
        assert status < 500
        if status != 200:
            assert json.loads(body)["status"] == status
    fine(service)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x7f",
        b"--x7f--\r\n",
        b"--x7f\r\nContent-Disposition: form-data; name=reference; filename=a\r\n\r\n",
        b"--other\r\n\r\n--other--",
        b"\x00" * 2000,
        b"--x7f\r\n" * 500,
    ],
)
def test_broken_forms_are_problems(service: Running, body: bytes) -> None:
    with service.connect() as connection:
        connection.sendall(HEAD + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        status, told = reply(connection)
    assert status in (400, 422)
    assert json.loads(told)["code"] in ("bad_multipart", "invalid")


def test_a_request_that_says_it_is_too_large_is_told_so_at_once(service: Running) -> None:
    with service.connect() as connection:
        connection.sendall(HEAD + b"Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n")
        status, told = reply(connection)
    assert (status, json.loads(told)["code"]) == (413, "too_large")


def test_who_sends_too_much_anyway_reads_the_reply(service: Running) -> None:
    content = b"\x00" * (26 << 20)  # 2 MiB beyond
    files = {"reference": ("x", content), "probe": ("y", b"text")}
    response = httpx.post(service.url + "/v1/verify", files=files, timeout=30)
    assert response.status_code == 413


def test_who_leaves_in_the_middle_leaves_nothing_behind(service: Running) -> None:
    for cut in (10, len(HEAD), len(HEAD) + 40, len(HEAD) + 300):
        with service.connect() as connection:
            whole = HEAD + b"Content-Length: 100000\r\n\r\n--x7f\r\n" + b"x" * 1000
            connection.sendall(whole[:cut])
    wait_until(lambda: "renzheng_upload_bytes 0.0" in httpx.get(service.url + "/metrics").text)
    fine(service)


def test_who_reads_no_reply_holds_nobody_up(service: Running, portrait: bytes) -> None:
    stuck = [service.connect() for _ in range(5)]
    for each in stuck:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        each.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200)
    fine(service)
    for each in stuck:
        each.close()


def test_websockets_are_not_spoken(service: Running) -> None:
    with service.connect() as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        connection.settimeout(10)
        assert connection.recv(20).startswith(b"HTTP/1.1 ")
    fine(service)


@pytest.mark.parametrize("make", ["bomb", "wide", "many"])
def test_hostile_pictures_are_results(service: Running, portrait: bytes, make: str) -> None:
    import io
    import struct
    import zlib

    from PIL import Image as Pillow

    if make == "bomb":  # 60,000 x 60,000 px in a few kilobytes
        chunk = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
        picture = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + chunk
        picture += struct.pack(">I", zlib.crc32(b"IHDR" + chunk))
    elif make == "wide":
        content = io.BytesIO()
        Pillow.new("L", (30_000, 20)).save(content, "PNG")
        picture = content.getvalue()
    else:
        picture = portrait[: len(portrait) // 2]
    files = {"reference": ("x", picture), "probe": ("y", portrait)}
    response = httpx.post(service.url + "/v1/verify", files=files, timeout=30)
    assert response.status_code == 200
    assert response.json()["decision"] == "not_comparable"
    assert response.json()["reference"]["error"]


def test_beyond_the_queue_clients_hear_when_to_come_again(portrait: bytes, again: bytes) -> None:
    from concurrent.futures import ThreadPoolExecutor

    files = {"reference": ("x", portrait), "probe": ("y", again)}
    with running("--workers", 1, "--queue", 2) as service:

        def ask(_: int) -> httpx.Response:
            return httpx.post(service.url + "/v1/verify", files=files, timeout=30)

        with ThreadPoolExecutor(16) as pool:
            responses = list(pool.map(ask, range(48)))
    statuses = [response.status_code for response in responses]
    assert set(statuses) == {200, 503}
    distances = {r.json()["distance"] for r in responses if r.status_code == 200}
    assert len(distances) == 1
    for response in responses:
        if response.status_code == 503:
            assert response.json()["code"] == "busy"
            assert int(response.headers["retry-after"]) >= 1
