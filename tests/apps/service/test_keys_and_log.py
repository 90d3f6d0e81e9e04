"""API keys and the log of decisions."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from running_service import running, wait_until

from renzheng.apps.service import keys
from renzheng.apps.service.decision_log import DecisionLog
from renzheng.apps.service.keys import Keys
from renzheng.errors import InvalidInput


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", "keys", *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_key_is_told_once_and_kept_as_a_digest(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    made = [run("add", name, "--file", path).stdout.strip() for name in ("desk-1", "desk-2")]
    assert len(set(made)) == 2
    assert all(key.startswith("rz_") and len(key) > 40 for key in made)
    content = path.read_text()
    assert not any(key in content for key in made)
    assert hashlib.sha256(made[0].encode()).hexdigest() in content
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("list", "--file", path).stdout.split() == ["desk-1", "desk-2"]
    known = Keys(path)
    assert [known.name(key) for key in made] == ["desk-1", "desk-2"]
    assert known.name("") is None
    assert known.name(made[0][:-1]) is None
    assert known.name(made[0] + "é") is None


def test_keys_that_come_and_go_are_seen(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    first = keys.add(path, "first")
    known = Keys(path)
    second = keys.add(path, "second")
    assert known.name(second) == "second"
    keys.remove(path, "first")
    assert known.name(first) is None
    path.write_text("no such file\n")
    assert known.name(second) == "second"  # half-written files lock nobody out
    path.unlink()
    assert known.name(second) == "second"


def test_bad_key_files_and_names_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    for name in ("", "a b", "a:b", "x" * 65, "../a", "人"):
        with pytest.raises(InvalidInput):
            keys.add(path, name)
    assert not path.exists()
    keys.add(path, "a")
    with pytest.raises(InvalidInput, match="there is already a key"):
        keys.add(path, "a")
    with pytest.raises(InvalidInput, match="there is no key"):
        keys.remove(path, "b")
    keys.remove(path, "a")
    with pytest.raises(InvalidInput, match="no key"):
        Keys(path)
    path.write_text("a:123\n")
    done = run("list", "--file", path)
    assert done.returncode == 2
    assert "line 1" in done.stderr
    assert run("list", "--file", tmp_path / "none").returncode == 2


def test_a_service_with_keys_asks_for_them(tmp_path: Path, portrait: bytes, again: bytes) -> None:
    path, log = tmp_path / "keys.txt", tmp_path / "decisions.jsonl"
    key = keys.add(path, "desk-1")
    files = {"reference": ("x.png", portrait), "probe": ("y.jpg", again)}
    with running("--workers", 1, "--keys", path, "--log", log) as service:

        def ask(place: str, given: str | None) -> httpx.Response:
            headers = {} if given is None else {"Authorization": given}
            if place == "/v1/verify":
                return httpx.post(service.url + place, headers=headers, files=files)
            return httpx.get(service.url + place, headers=headers)

        for place in ("/v1/verify", "/v1/packs", "/metrics"):
            for given in (None, "", "Bearer", "Bearer x", f"Basic {key}", key, f"Bearer {key}x"):
                response = ask(place, given)
                assert (response.status_code, response.json()["code"]) == (401, "key_wanted")
                assert response.headers["www-authenticate"].startswith("Bearer")
            assert ask(place, f"Bearer {key}").status_code == 200
        for place in ("/healthz", "/readyz", "/openapi.json"):
            assert ask(place, None).status_code == 200
        document = ask("/openapi.json", None).json()
        assert document["paths"]["/v1/verify"]["post"]["security"] == [{"key": []}]
        assert "401" in document["paths"]["/v1/verify"]["post"]["responses"]
        accepted = ask("/v1/verify", f"bearer {key}")
        assert accepted.status_code == 200
        second = keys.add(path, "desk-2")
        keys.remove(path, "desk-1")
        assert ask("/v1/packs", f"Bearer {key}").status_code == 401
        assert ask("/v1/packs", f"Bearer {second}").status_code == 200
        assert key not in service.text
        # Rotation: the file is moved away, and the next line starts a new one.
        log.rename(tmp_path / "old.jsonl")
        assert ask("/v1/verify", f"Bearer {second}").status_code == 200
    (line,) = log.read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["key"] == "desk-2"
    lines = [json.loads(each) for each in (tmp_path / "old.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    noted, told = lines[-1], accepted.json()
    assert noted["key"] == "desk-1"
    assert noted["request"] == accepted.headers["x-request-id"]
    assert noted["reference_sha256"] == hashlib.sha256(portrait).hexdigest()
    assert noted["probe_sha256"] == hashlib.sha256(again).hexdigest()
    for name in ("decision", "distance", "fmr", "policy", "pack"):
        assert noted[name] == told[name]
    assert "embedding" not in json.dumps(noted)
    assert "x.png" not in json.dumps(noted)
    if os.name == "posix":
        assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_keys_made_at_one_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    making = [
        subprocess.Popen(
            [sys.executable, "-m", "renzheng", "keys", "add", f"n{k}", "--file", str(path)],
            stdout=subprocess.PIPE, text=True,
        )
        for k in range(4)
    ]  # fmt: skip
    made = [process.communicate()[0].strip() for process in making]
    known = Keys(path)
    assert [known.name(key) for key in made] == ["n0", "n1", "n2", "n3"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits a file's size in another process")
def test_without_its_line_there_is_no_decision_and_no_other_line_is_spoilt(
    portrait: bytes, tmp_path: Path
) -> None:
    import resource

    log = tmp_path / "log"
    files = {"reference": ("x", portrait), "probe": ("y", portrait)}
    with running("--workers", 1, "--log", log) as service:

        def ask() -> httpx.Response:
            return httpx.post(service.url + "/v1/verify", files=files)

        def limit(size: int) -> None:
            _, hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (size, hard))

        assert ask().status_code == 200
        limit(log.stat().st_size + 100)  # as a disk that is full in the middle of a line
        for _ in range(2):
            response = ask()
            assert (response.status_code, response.json()["code"]) == (503, "log_failed")
            assert "decision" not in response.json()
        wait_until(lambda: "cannot be written" in service.text)
        limit(resource.RLIM_INFINITY)
        last = ask()
        assert last.status_code == 200
    whole = []
    for line in log.read_text().splitlines():
        try:
            whole.append(json.loads(line)["request"])
        except ValueError:
            assert line == "" or line.startswith('{"time"')
    assert len(whole) == 2
    assert whole[-1] == last.headers["x-request-id"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs devices")
def test_a_log_is_a_regular_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="not a regular file"):
        DecisionLog(Path("/dev/full"))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="cannot be written"):
        DecisionLog(tmp_path / "pipe")


def test_a_log_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be written"):
        DecisionLog(tmp_path / "none" / "log.jsonl")
