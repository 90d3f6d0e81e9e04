from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from renzheng._support import cpu as module
from renzheng._support.cpu import cores, limited


@pytest.fixture
def eight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Simulate a machine of eight processors; return the folder of its control groups."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    groups = tmp_path / "groups"
    (groups / "pod" / "work").mkdir(parents=True)
    (tmp_path / "own").write_text("0::/pod/work\n")
    monkeypatch.setattr(module, "_GROUPS", groups)
    monkeypatch.setattr(module, "_OWN", tmp_path / "own")
    return groups


def test_all_where_nothing_limits(eight: Path) -> None:
    assert cores() == 8
    assert not limited()
    (eight / "cpu.max").write_text("max 100000\n")
    assert cores() == 8


@pytest.mark.parametrize(
    ("place", "said", "count"),
    [
        ("cpu.max", "300000 100000", 3),
        ("pod/cpu.max", "250000 100000", 2),
        ("pod/work/cpu.max", "50000 100000", 1),
        ("cpu.max", "9900000 100000", 8),
        ("cpu.max", "nonsense", 8),
        ("cpu.max", "", 8),
        ("cpu.max", "100000 0", 8),
    ],
)
def test_a_containers_share(eight: Path, place: str, said: str, count: int) -> None:
    (eight / place).write_text(said)
    assert cores() == count
    assert limited() == (count < 8)


@pytest.mark.parametrize(("quota", "count"), [("200000", 2), ("-1", 8)])
def test_a_share_by_the_first_version(eight: Path, quota: str, count: int) -> None:
    (eight / "cpu").mkdir()
    (eight / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (eight / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert cores() == count


def test_what_is_no_text_limits_nothing(eight: Path, tmp_path: Path) -> None:
    (tmp_path / "own").write_bytes(b"0::/\xff\n")
    (eight / "cpu.max").write_bytes(b"\xff")
    assert cores() == 8
    (eight / "cpu.max").write_text("9" * 400 + " 1")
    assert cores() == 8


def test_the_least_share_counts(eight: Path) -> None:
    (eight / "pod" / "cpu.max").write_text("500000 100000")
    (eight / "pod" / "work" / "cpu.max").write_text("400000 100000")
    assert cores() == 4


def test_without_affinity(eight: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert cores() == 8


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
def test_a_process_that_may_use_one_processor() -> None:
    said = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from renzheng._support.cpu import cores; print(cores())"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"
