"""Work in several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from renzheng import RenzhengError
from renzheng._support import processes

# One process is at work for a minute, the other waits for some.
PARENT = """
import os, time
from renzheng._support import processes

def make_worker(threads):
    print(f"{os.getpid()}\\n", end="", flush=True)
    return work

def work(seconds):
    print("at work\\n", end="", flush=True)
    time.sleep(seconds)

if __name__ == "__main__":
    done = processes.map_in_order([60, 0], make_worker, load=int, workers=2)
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
    done = processes.map_in_order(range(5), _make_lengths, load=str, workers=2)
    assert list(done) == [(task, (1, 1)) for task in range(5)]


def test_few_tasks_start_no_processes_and_threads_are_free() -> None:
    for worth, workers in ((6, 2), (0, 1)):
        done = processes.map_in_order(
            range(5), lambda threads: lambda text: (threads, text), load=str, workers=workers,
            worth=worth,
        )  # fmt: skip
        assert list(done) == [(task, (None, str(task))) for task in range(5)]


def test_no_tasks_make_no_worker() -> None:
    made: list[int | None] = []
    assert list(processes.map_in_order([], made.append, load=str, workers=2)) == []
    assert made == []


def test_a_process_that_dies_is_an_error_in_words() -> None:
    done = processes.map_in_order([3], _make_death, load=int, workers=2)
    with pytest.raises(RenzhengError, match="--workers 1"):
        list(done)


def _make_lengths(threads: int | None) -> Callable[[str], tuple[int | None, int]]:
    return lambda text: (threads, len(text))


def _make_death(threads: int | None) -> Callable[[int], None]:
    return os._exit
