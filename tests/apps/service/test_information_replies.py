"""What the service replies of faces that show all, little or too little of themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from information_levels import grading
from renzheng import Policy, Role, Verifier
from renzheng.apps.service import replies, tasks
from renzheng.apps.service.decision_log import DecisionLog


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(threads=1)


def reply(verifier: Verifier, grade: str, portrait: bytes, again: bytes) -> tasks.Done:
    roles = (Role.PHOTO, Role.PHOTO)
    task = tasks.Verify(portrait, again, "pack", Policy(), roles, display=True)
    return tasks._verify(task, grading(verifier, grade))


@pytest.mark.parametrize("grade", ["full", "limited", "insufficient"])
def test_a_reply_has_the_grade(
    verifier: Verifier, grade: str, portrait: bytes, again: bytes
) -> None:
    told: dict[str, Any] = json.loads(reply(verifier, grade, portrait, again).body)
    typed = replies.Verification.model_validate(told)
    assert typed.information is not None
    assert typed.information.model_dump(mode="json") == told["information"]
    assert typed.information.grade == grade
    assert (typed.information.reference or 0) > 1
    little = grade == "insufficient"
    assert (typed.fmr is None) == (typed.llr is None) == little
    assert typed.display is not None
    assert (typed.display.distributions is None) == little
    if little:
        assert typed.decision == "inconclusive"
        assert "little_information" in {each.code for each in typed.warnings}


def test_the_curves_are_those_of_faces_that_show_as_little(
    verifier: Verifier, portrait: bytes, again: bytes
) -> None:
    found = []
    for grade in ("full", "limited"):
        told = json.loads(reply(verifier, grade, portrait, again).body)
        found.append(told["display"]["distributions"])
    full, limited = found
    assert full["genuine"] != [] != limited["genuine"]
    assert 0 <= limited["match"] < full["match"]
    assert limited["impostor"] != full["impostor"]


def test_an_answer_of_an_older_server_is_understood(
    verifier: Verifier, portrait: bytes, again: bytes
) -> None:
    told = json.loads(reply(verifier, "full", portrait, again).body)
    del told["information"]
    assert replies.Verification.model_validate(told).information is None


def test_an_embedding_has_its_strength(verifier: Verifier, portrait: bytes) -> None:
    told = json.loads(tasks._embed(tasks.Embed(portrait, "pack"), verifier).body)
    strength = verifier.extract(portrait, Role.PHOTO).strength
    assert strength is not None
    assert told["strength"] == pytest.approx(strength, abs=1e-4)
    assert replies.Embedding.model_validate(told).strength == told["strength"]
    del told["strength"]  # an older server
    assert replies.Embedding.model_validate(told).strength is None


def test_the_log_has_the_grade(
    verifier: Verifier, portrait: bytes, again: bytes, tmp_path: Path
) -> None:
    log = DecisionLog(tmp_path / "log.jsonl")
    done = reply(verifier, "insufficient", portrait, again)
    log.append("id", None, {"reference": portrait, "probe": again}, done.facts)
    log.close()
    line = json.loads((tmp_path / "log.jsonl").read_text(encoding="utf-8"))
    assert line["information"]["grade"] == "insufficient"
    assert line["fmr"] is None
    assert line["decision"] == "inconclusive"
