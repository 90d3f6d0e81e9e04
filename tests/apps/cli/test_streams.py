"""Standard streams that cannot take the answer, and defects: neither may look like a decision."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as Pillow

from renzheng.apps.cli import main, options, specimen, verifiers

posix = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def shell(words: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command with redirections, as a shell gives it."""
    return subprocess.run(
        ["sh", "-c", f'"$0" -m renzheng {words}', sys.executable, *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "PYTHONUNBUFFERED": "", **environment},
    )  # fmt: skip


@pytest.fixture
def grey(tmp_path: Path) -> Path:
    """A picture without a face, whose name ASCII cannot spell."""
    path = tmp_path / "照片 ä 😀.png"
    Pillow.new("RGB", (64, 64), "grey").save(path)
    return path


def test_a_name_that_the_encoding_lacks_is_escaped(grey: Path) -> None:
    done = shell('verify "$1" "$1"', grey, PYTHONIOENCODING="ascii")
    assert done.returncode == 4, done.stderr
    assert done.stdout.startswith("NOT COMPARABLE")
    assert r"\u7167\u7247" in done.stdout
    done = shell('verify "$1" "$1.gone" --json', grey, PYTHONIOENCODING="ascii")
    assert done.returncode == 4, done.stderr
    assert json.loads(done.stdout)["reference"]["source"] == str(grey)


@posix
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("specimen --list >/dev/full", "No space left"),
        ("--version >/dev/full", "No space left"),
        ("specimen --list >&-", "standard output is closed"),
        ("verify no.png no.png >/dev/full", "No space left"),
    ],
)
def test_an_output_that_cannot_be_written_is_a_failure_in_one_line(words: str, reason: str) -> None:
    done = shell(words)
    assert done.returncode == 5, done.stderr
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


@posix
def test_where_nothing_can_be_said_the_code_still_tells() -> None:
    assert shell("specimen --layout none >/dev/full 2>/dev/full").returncode == 2
    done = shell("specimen 2>&-")
    assert done.returncode == 2
    assert done.stdout == ""


@posix
def test_a_reader_that_leaves_early_is_no_failure() -> None:
    done = shell("specimen --list | true; exit 0")
    assert done.stderr == ""


@posix
def test_a_decision_that_nobody_read_is_no_decision(tmp_path: Path) -> None:
    """What `verify` has to say cannot be told, so it must not end with a decision's code."""
    (tmp_path / "a.png").write_bytes(b"no picture")
    words = f"verify {tmp_path}/a.png {tmp_path}/a.png"
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "renzheng", *words.split()],
            stdout=write, stderr=subprocess.PIPE, timeout=60, check=False,
        )  # fmt: skip
    finally:
        os.close(write)
    assert done.returncode == 141


class Defective(Exception):  # noqa: N818
    """A defect."""


def _fail(arguments: object) -> int:
    raise Defective("two\nlines")


def test_a_defect_is_a_failure_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(specimen, "_list", _fail)
    monkeypatch.delenv("RENZHENG_DEBUG", raising=False)
    assert main(["specimen", "--list"]) == 5
    assert capsys.readouterr().err == (
        "renzheng: internal error: Defective: two lines (set RENZHENG_DEBUG=1 for the traceback)\n"
    )
    monkeypatch.setenv("RENZHENG_DEBUG", "1")
    assert main(["specimen", "--list"]) == 5
    assert "in _fail" in capsys.readouterr().err


def test_a_large_output_fails_in_the_middle_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(arguments: object) -> int:
        raise OSError(28, "No space left on device")

    def gone(arguments: object) -> int:
        raise OSError(28, "No space left on device", "a file")

    monkeypatch.setattr(specimen, "_list", full)
    assert main(["specimen", "--list"]) == 5
    assert "the output cannot be written" in capsys.readouterr().err
    monkeypatch.setattr(specimen, "_list", gone)
    assert main(["specimen", "--list"]) == 5
    assert "internal error: OSError" in capsys.readouterr().err


def test_no_output_overwrites_an_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifiers, "load", _fail)  # refused before any work
    one, other = tmp_path / "a.png", tmp_path / "b.npy"
    one.write_bytes(b"one")
    other.write_bytes(b"other")
    link = tmp_path / "link.png"
    link.symlink_to(one)
    for words in (
        ["specimen", one, "-o", one],
        ["specimen", one, "-o", tmp_path / "x" / ".." / "a.png"],
        ["align", link, "-o", one],
        ["align", one, "-o", link],
        ["embed", one, other, "-o", other],
    ):
        (tmp_path / "x").mkdir(exist_ok=True)
        assert main(list(map(str, words))) == 2, words
        assert "would overwrite an input" in capsys.readouterr().err
    assert one.read_bytes() == b"one"
    assert other.read_bytes() == b"other"
    options.check_output(tmp_path / "c.png", [one, None, "a\0b"])
    options.check_output(None, [one])


def test_no_report_overwrites_its_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.json"
    table.write_text("picture,type\n")
    page = tmp_path / "t.html"
    for protocol in ("liveness", "pairs", "people"):
        assert main(["evaluate", protocol, str(table), "--report", str(page)]) == 2
        assert "would overwrite an input" in capsys.readouterr().err
    assert table.read_text() == "picture,type\n"


@pytest.mark.parametrize("count", ["0", "257", "100000"])
def test_threads_have_bounds(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["detect", "a.png", "--threads", count]) == 2
    assert "from 1 to 256" in capsys.readouterr().err
