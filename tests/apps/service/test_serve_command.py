"""`renzheng serve`: how it starts, what it refuses, how it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from running_service import running, wait_until


def refused(*arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "renzheng", "serve", *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "requires no key"),
        (["--host", "::"], "requires no key"),
        (["--port", "70000"], "port"),
        (["--workers", "0"], "--workers"),
        (["--workers", "1000"], "workers"),
        (["--queue", "-1"], "queue"),
        (["--max-upload", "0"], "--max-upload"),
        (["--max-upload", "nan"], "--max-upload"),
        (["--memory", "1"], "do not hold one"),
        (["--timeout", "0"], "timeout"),
        (["--timeout", "inf"], "timeout"),
        (["--max-fmr", "1e-9"], "reaches down to"),
        (["--max-fmr", "2"], "max_fmr"),
        (["--pack", "x"], "unknown pack"),
        (["--pack", "mtcnn"], "kind"),
        (["--pack", "dlib-resnet", "--pack", "dlib-resnet"], "twice"),
        (["--keys", "no/such/file"], "cannot be read"),
        (["--log", "no/such/folder/log"], "cannot be written"),
        (["--certificate", "x.pem"], "belong together"),
        (["--certificate", "x.pem", "--private-key", "y.pem"], "certificate"),
        (["--host", "no.such.host.invalid", "--without-keys"], "host"),
    ],
)
def test_what_cannot_be_served_is_said(arguments: list[str], words: str) -> None:
    code, text = refused("--port", 0, *arguments)
    assert code in (2, 5)
    assert words in text


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, text = refused("--port", taken.getsockname()[1])
    assert code == 2
    assert "cannot be listened at" in text
    assert "--port" in text


def test_without_its_packages_the_remedy_is_named(tmp_path: Path) -> None:
    # A finder that hides one of them, as where the extra was not installed.
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'fastapi' else find(name, *more)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "renzheng", "serve"], check=False,
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 5
    assert "pip install 'renzheng[serve]'" in done.stderr


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_once_what_it_took_is_answered(
    portrait: bytes, again: bytes, how: signal.Signals
) -> None:
    files = {"reference": ("x", portrait), "probe": ("y", again)}
    with running("--workers", 1, "--queue", 50) as service:
        replies: list[int] = []

        def ask() -> None:
            replies.append(
                httpx.post(service.url + "/v1/verify", files=files, timeout=60).status_code
            )

        asking = [threading.Thread(target=ask) for _ in range(12)]
        for each in asking:
            each.start()

        def all_taken() -> bool:
            text = httpx.get(service.url + "/metrics").text
            (waiting,) = [
                float(line.split()[1])
                for line in text.splitlines()
                if line.startswith("renzheng_queue ")
            ]
            return len(replies) + waiting >= 11  # and the worker has one

        wait_until(all_taken)
        # To the whole group, as a terminal and a service manager do.
        for process in service.tree():
            os.kill(process, how)
        for each in asking:
            each.join()
        assert replies == [200] * 12
        assert service.process.wait(30) == 0
        assert "Traceback" not in service.text


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_killed_service_leaves_no_process() -> None:
    with running("--workers", 2) as service:
        tree = service.tree()
        service.process.kill()
        service.process.wait()

        def gone() -> bool:
            return not any(_runs(process) for process in tree)

        wait_until(gone)


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_a_worker_that_is_killed_is_replaced(portrait: bytes) -> None:
    files = {"picture": ("x", portrait)}
    with running("--workers", 1) as service:
        (worker,) = [
            process
            for process in service.tree()[1:]
            if b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
        ]
        assert httpx.post(service.url + "/v1/detect", files=files).status_code == 200
        os.kill(worker, signal.SIGKILL)
        statuses = []
        end = time.monotonic() + 30
        while 200 not in statuses and time.monotonic() < end:
            response = httpx.post(service.url + "/v1/detect", files=files)
            statuses.append(response.status_code)
            time.sleep(0.1)
        assert set(statuses) <= {200, 503}
        assert 200 in statuses
        assert "renzheng_workers_replaced 1.0" in httpx.get(service.url + "/metrics").text


def test_it_speaks_tls(tmp_path: Path) -> None:
    import datetime

    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate, private = tmp_path / "c.pem", tmp_path / "k.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    import ssl

    trusting = ssl.create_default_context(cafile=str(certificate))
    options = ("--certificate", certificate, "--private-key", private)
    with running("--workers", 1, *options) as service:
        assert service.url.startswith("https://")
        url = f"https://localhost:{service.port}/healthz"
        assert httpx.get(url, verify=trusting).json()["status"] == "ok"


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
