"""The runtime talks to nobody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Where it runs in CI or under tests onnxruntime reports nothing anyway.
_QUIET = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_RUNNING_UNIT_TESTS", "ORT_DISABLE_TELEMETRY")
_LOADED = "import renzheng.models.runtime.with_onnxruntime"


def files_after(code: str, folder: Path) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name not in _QUIET}
    homes = {name: str(folder) for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    subprocess.run([sys.executable, "-c", code], check=True, env={**kept, **homes}, cwd=folder)
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_no_trace_of_telemetry(tmp_path: Path) -> None:
    bare, ours = tmp_path / "bare", tmp_path / "ours"
    for folder in (bare, ours):
        folder.mkdir()
    if not files_after("import onnxruntime, time; time.sleep(0.5)", bare):
        pytest.skip("this build of onnxruntime leaves no trace even by itself")
    assert files_after(f"{_LOADED}; import time; time.sleep(0.5)", ours) == []


def test_whoever_wants_it_may_have_it() -> None:
    code = f"{_LOADED}; import os; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    for said, wanted in ((None, "1"), ("0", "0"), ("1", "1")):
        env = {k: v for k, v in os.environ.items() if k not in _QUIET}
        env |= {} if said is None else {"ORT_DISABLE_TELEMETRY": said}
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == wanted
