"""The OpenAPI document is true: questions made from it meet no reply that it does not describe."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from running_service import Running, running

from renzheng.apps.service import keys

pytest.importorskip("schemathesis", reason="makes the questions up")
pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")

_CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance", "unsupported_method"),
    "ignored_auth",
)
_HERE = Path(__file__).parent


def ask(service: Running, folder: Path, *more: str) -> str:
    done = subprocess.run(
        [
            *(str(Path(sys.executable).parent / "schemathesis"), "run"),
            service.url + "/openapi.json",
            *("--checks", ",".join(_CHECKS), "--max-examples", "60", "--generation-deterministic"),
            *("--no-color", "--request-timeout", "30", *more),
        ],
        capture_output=True, text=True, timeout=300, cwd=folder, check=False,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(_HERE / "pictures_for_questions.py")},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    return done.stdout


def test_no_question_meets_an_undocumented_reply(service: Running, tmp_path: Path) -> None:
    told = ask(service, tmp_path)
    found = re.search(r"(\d+) generated, (\d+) passed", told)
    assert found is not None, told
    assert int(found[1]) == int(found[2]) > 300
    assert "Tested: 8" in told
    # Most questions are worth an answer, or nothing was tested.
    assert "mostly rejected" not in told
    assert " 500 " not in service.text


def test_the_document_of_a_service_with_keys_is_true_as_well(tmp_path: Path) -> None:
    path = tmp_path / "keys.txt"
    key = keys.add(path, "desk-1")
    with running("--workers", 1, "--keys", path) as service:
        told = ask(service, tmp_path, "--header", f"Authorization: Bearer {key}")
    assert "Tested: 8" in told
