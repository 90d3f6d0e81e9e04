"""A service in a process of its own, as `renzheng serve` starts it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Running:
    """A service that runs."""

    process: subprocess.Popen[str]
    url: str
    lines: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rstrip("/").rpartition(":")[2])

    @property
    def text(self) -> str:
        """All that it wrote so far."""
        return "".join(self.lines)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def tree(self) -> list[int]:
        """The process and its children, on Linux."""
        found = [self.process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(word) for word in children.read_text().split()]
        return found

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


@contextmanager
def running(
    *options: object, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, "-m", "renzheng", "serve", "--port", "0", *map(str, options)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8",
        env={**os.environ, **(env or {})}, cwd=cwd,
    )  # fmt: skip
    service = Running(process, "")
    begun = threading.Event()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            service.lines.append(line)
            found = re.search(r"renzheng: (https?://\S+?)/ with", line)
            if found:
                service.url = found[1]
                begun.set()
        begun.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert begun.wait(120), "the service did not start"
        assert service.url, service.text
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        reader.join(10)
        assert process.stdout is not None
        process.stdout.close()


def wait_until(true: object, seconds: float = 20) -> None:
    """Wait for a condition, given as a function."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)
