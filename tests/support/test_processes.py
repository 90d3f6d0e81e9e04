"""Work in several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from renzheng import RenzhengError
from renzheng._support import processes

# One process is at work for a minute, the other waits for some.
PARENT = """
import os, time
from renzheng import processes

def start():
    print(f"{os.getpid()}\\n", end="", flush=True)

def work(seconds):
    print("at work\\n", end="", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    done = processes.in_order([60, 0], int, work, workers=2, start=start, settings=())
    list(done)
"""


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=environment,
    ) as process:  # fmt: skip
        yield process
        process.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_workers_end_when_their_parent_is_killed(parent: subprocess.Popen[str]) -> None:
    assert parent.stdout is not None
    said = [parent.stdout.readline().strip() for _ in range(4)]
    assert said.count("at work") == 2
    workers = [int(line) for line in said if line != "at work"]
    try:
        parent.send_signal(signal.SIGKILL)
        # The workers hold the other end of this pipe: it is at its end when they are gone.
        rest, _ = parent.communicate(timeout=20)
        assert rest == ""
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def test_results_come_in_the_order_of_the_tasks() -> None:
    done = processes.in_order(range(5), str, len, workers=2, start=_start, settings=(1,))
    assert list(done) == [(task, 1) for task in range(5)]


def test_a_process_that_dies_is_an_error_in_words() -> None:
    done = processes.in_order([3], int, os._exit, workers=1, start=_start, settings=(1,))
    with pytest.raises(RenzhengError, match="--workers 1"):
        list(done)


def _start(setting: int) -> None:
    assert setting == 1
