"""Pictures and embeddings reach neither the disk nor the log."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image as Pillow
from running_service import running

# Python imports this in every process that it starts, the workers too.
_WATCH = """
import os, sys
def watch(event, arguments, path=os.environ["WATCHED"]):
    if event == "open":
        name, mode, flags = arguments
        written = isinstance(mode, str) and any(c in mode for c in "wax+")
        asked = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if name != path and (written or asked):
            line = f"{os.getpid()} {name!r} {mode}\\n"
            handle = _open(path, os.O_APPEND | os.O_WRONLY)
            os.write(handle, line.encode())
            os.close(handle)
_open = os.open
sys.addaudithook(watch)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts what Linux says was written")
def test_a_request_writes_no_file_and_no_line_that_tells(
    tmp_path: Path, portrait: bytes, again: bytes
) -> None:
    watched, here = tmp_path / "watched", tmp_path / "here"
    watched.touch()
    here.mkdir()
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(_WATCH)
    env = {
        "PYTHONPATH": str(tmp_path / "watch"),
        "WATCHED": str(watched),
        "TMPDIR": str(here),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    log = tmp_path / "decisions.jsonl"
    with running("--workers", 2, "--log", log, env=env, cwd=here) as service:
        tree = service.tree()
        assert len(tree) >= 3
        # One that is larger than what frameworks keep in memory.
        content = io.BytesIO()
        Pillow.open(io.BytesIO(portrait)).resize((1400, 1400)).save(content, "BMP")
        large = content.getvalue()
        pairs = [(portrait, again), (large, again), (large, large), (b"secret text", again)]

        def ask() -> list[httpx.Response]:
            replies = []
            for reference, probe in pairs:
                files = {"reference": ("secret-a.png", reference), "probe": ("secret-b", probe)}
                fields = {"display": "true"}
                replies.append(httpx.post(service.url + "/v1/verify", files=files, data=fields))
            for path in ("/v1/embed", "/v1/quality", "/v1/detect"):
                files = {"picture": ("secret-c", large)}
                replies.append(httpx.post(service.url + path, files=files))
            return replies

        ask()  # what is imported on first use
        noted, before = log.stat().st_size, [_written(process) for process in tree]
        watched.write_bytes(b"")
        replies = ask()
        assert [reply.status_code for reply in replies] == [200] * len(replies)
        after = [_written(process) for process in tree]
        opened = watched.read_text().splitlines()
        grown = log.stat().st_size - noted
        line = json.dumps(replies[4].json()["embedding"][:2])[1:-1]
    assert opened == []
    # Linux counts whole pages: those of the log's lines and of the service's own.
    assert sum(after) - sum(before) <= grown + 3 * 4096 * len(pairs)
    assert sum(after) - sum(before) < len(large)
    assert list(here.rglob("*")) == []
    for text in (service.text, log.read_text()):
        assert "secret" not in text
        assert line not in text
        assert "data:image" not in text


def test_the_watch_sees_a_file_that_is_written(tmp_path: Path) -> None:
    import subprocess

    watched = tmp_path / "watched"
    watched.touch()
    (tmp_path / "sitecustomize.py").write_text(_WATCH)
    code = f"import tempfile; tempfile.TemporaryFile(dir={str(tmp_path)!r}).write(b'x')"
    subprocess.run(
        [sys.executable, "-c", code], check=True,
        env={"PYTHONPATH": str(tmp_path), "WATCHED": str(watched)},
    )  # fmt: skip
    assert str(tmp_path) in watched.read_text()


def _written(process: int) -> int:
    """Bytes that a process caused to be written to a disk."""
    for line in Path(f"/proc/{process}/io").read_text().splitlines():
        if line.startswith("write_bytes"):
            return int(line.split()[1])
    raise AssertionError
