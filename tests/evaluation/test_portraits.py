"""``evaluate portraits``: the judge by hand, the log, and the command as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow

from renzheng import (
    Capture,
    Choice,
    Face,
    FaceCandidate,
    FaceKind,
    InvalidInput,
    Rectification,
    Role,
)
from renzheng.datasets import made
from renzheng.datasets.specimens import Specimen, draw, turned
from renzheng.evaluation.portraits.judgement import judge
from renzheng.evaluation.portraits.log import OutcomeLog
from renzheng.evaluation.portraits.outcomes import Trial, TrialOutcome
from renzheng.evaluation.portraits.settings import PortraitSettings
from renzheng.faces.documents import turn_matrix

SETTINGS = PortraitSettings(captures=("none",), seed=3)


@pytest.fixture(scope="module")
def card() -> Specimen:
    return draw(np.full((450, 350, 3), 150, np.uint8), layout="id1-left", seed=1)


def face_at(eyes: np.ndarray, apart: float) -> Face:
    shape = [(-0.5, 0), (0.5, 0), (0, 0.5), (-0.4, 1), (0.4, 1)]
    points = np.array(shape) * apart + eyes
    box = np.concatenate([np.add(eyes, -1.2 * apart), np.add(eyes, (1.2 * apart, 1.8 * apart))])
    return Face(box.astype(np.float32), points.astype(np.float32), 0.9999)


def eyes_of(corners: np.ndarray) -> np.ndarray:
    """Where a portrait's eyes are: in the middle of its width, at 0.45 of its height."""
    left, right = (
        corners[0] + 0.45 * (corners[3] - corners[0]),
        corners[1] + 0.45 * (corners[2] - corners[1]),
    )
    return np.asarray((left + right) / 2 - 0.5)


def captured(*candidates: FaceCandidate, matrix: np.ndarray | None = None) -> Capture:
    choice = Choice(Role.DOCUMENT, candidates, "by hand")
    preparation = Rectification() if matrix is None else Rectification(matrix=matrix)
    return Capture("card", Role.DOCUMENT, choice=choice, rectification=preparation)


def measured(capture: Capture, card: Specimen) -> Capture:
    """With the quality that findings look at."""
    from renzheng.faces import quality
    from renzheng.faces.alignment import TEMPLATES

    assert capture.face is not None
    found = quality.measure(card.image, capture.face, TEMPLATES["dlib-150"])
    return replace(capture, quality=found, image=card.image)


@pytest.mark.parametrize(
    ("aside", "result"), [(0.0, "right"), (0.4, "right"), (0.6, "wrong"), (3.0, "wrong")]
)
def test_right_is_the_face_that_the_portrait_was_cut_around(
    card: Specimen, aside: float, result: str
) -> None:
    apart = 0.25 * float(np.linalg.norm(card.portrait[1] - card.portrait[0]))
    chosen = face_at(np.add(eyes_of(card.portrait), (aside * apart, 0)), apart)
    capture = captured(FaceCandidate(chosen, FaceKind.CHOSEN, 1.0))
    assert judge(card, measured(capture, card))[0] == result


@pytest.mark.parametrize("part", list(FaceKind))
def test_the_ghost_is_what_it_was_taken_for(card: Specimen, part: FaceKind) -> None:
    assert card.ghost is not None
    chosen = face_at(eyes_of(card.portrait), 60)
    ghost = face_at(np.asarray(card.ghost.mean(axis=0)), 20)
    capture = captured(FaceCandidate(chosen, FaceKind.CHOSEN, 1.0), FaceCandidate(ghost, part, 0.1))
    result, seen, doubt = judge(card, measured(capture, card))
    assert seen == str(part)
    assert result == ("refused" if part is FaceKind.RIVAL else "right")
    assert doubt == (part in (FaceKind.INTRUDER, FaceKind.STRANGER))
    alone = captured(FaceCandidate(chosen, FaceKind.CHOSEN, 1.0))
    assert judge(card, measured(alone, card)) == ("right", "unseen", False)
    assert judge(card, Capture("card", Role.DOCUMENT)) == ("missed", "unseen", False)
    assert judge(replace(card, ghost=None), measured(alone, card))[1] == "none"


@pytest.mark.parametrize("turns", range(4))
def test_places_are_brought_back_through_the_preparation(card: Specimen, turns: int) -> None:
    lying = turned(card, turns)
    back = turn_matrix(lying.image.shape, (4 - turns) % 4)
    chosen = face_at(eyes_of(card.portrait), 60)  # in the picture as it was turned upright again
    capture = captured(FaceCandidate(chosen, FaceKind.CHOSEN, 1.0), matrix=back)
    assert judge(lying, measured(capture, card))[0] == "right"


def outcome(n: int) -> TrialOutcome:
    return TrialOutcome(
        Trial(f"人/{n}.jpg", "none", n % 4, n), "licence", "right", "ghost", False, "", 0.1
    )


def test_a_log_is_read_again_and_a_torn_line_costs_itself_only(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = OutcomeLog(path, SETTINGS.stamp("people"))
    for n in range(3):
        log.add(outcome(n))
    path.write_bytes(path.read_bytes()[:-20])  # killed while writing
    again = OutcomeLog(path, SETTINGS.stamp("people"))
    assert list(again.known) == [outcome(0).trial, outcome(1).trial]
    again.add(outcome(2))
    known = OutcomeLog(path, SETTINGS.stamp("people")).known
    assert known == {outcome(n).trial: outcome(n) for n in range(3)}


@pytest.mark.parametrize(
    "line",
    ['{"trial": 3}', "[]", "null", "nonsense", '{"trial": {"picture": "a"}}'],
)
def test_lines_that_are_no_outcomes_are_passed_over(tmp_path: Path, line: str) -> None:
    path = tmp_path / "log.jsonl"
    OutcomeLog(path, SETTINGS.stamp("people")).add(outcome(1))
    bad = json.loads(path.read_text().splitlines()[1])
    with path.open("a") as file:
        file.write(f"{line}\n{json.dumps({**bad, 'seconds': 'x'})}\n")
        file.write(f"{json.dumps({**bad, 'result': 'banana'})}\n")
    assert list(OutcomeLog(path, SETTINGS.stamp("people")).known) == [outcome(1).trial]


def test_a_log_of_something_else_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    OutcomeLog(path, SETTINGS.stamp("people"))
    for stamp in (SETTINGS.stamp("others"), replace(SETTINGS, min_face_size=80).stamp("people")):
        with pytest.raises(InvalidInput, match="other settings"):
            OutcomeLog(path, stamp)
    table = tmp_path / "table.csv"
    for content in (b"picture,type\na.jpg,print\n", b"\x89PNG\r\n\x1a\n", b"{}\n"):
        table.write_bytes(content)
        with pytest.raises(InvalidInput, match="no log"):
            OutcomeLog(table, SETTINGS.stamp("people"))
        assert table.read_bytes() == content
    with pytest.raises(InvalidInput, match="regular file"):
        OutcomeLog(Path("/dev/null"), SETTINGS.stamp("people"))


def test_settings_are_checked() -> None:
    assert PortraitSettings(captures=("none", "photo", "none")).captures == ("none", "photo")
    for wrong in ({"captures": ("none", "")}, {"seed": -1}, {"people": 0}):
        with pytest.raises(InvalidInput):
            PortraitSettings(**{"captures": ("none",), **wrong})  # type: ignore[arg-type]


def test_every_way_to_make_a_document_has_a_name_and_a_key() -> None:
    names = made.names()
    assert {"chip", "chip-50", "card-scan-200", "card-photo"} <= set(names)
    assert len({json.dumps(made.key(name)) for name in names}) == len(names)
    with pytest.raises(InvalidInput, match="card-scan-200"):
        made.check("card-nonsense")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", "evaluate", "portraits", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_command_goes_on_from_its_log(tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    portrait = np.asarray(data.astronaut())
    for name, picture in (
        ("eileen", portrait),
        ("mirrored", portrait[:, ::-1]),
        ("nobody", cv2.GaussianBlur(portrait, (0, 0), 60)),
    ):
        (tmp_path / "people" / name).mkdir(parents=True)
        Pillow.fromarray(np.ascontiguousarray(picture)).save(tmp_path / "people" / name / "0.png")
    log = tmp_path / "log.jsonl"
    command = (tmp_path / "people", "--captures", "none,scan-200", "--log", log, "--json")
    done = run(*command)
    assert done.returncode == 0, done.stderr
    first = json.loads(done.stdout)
    assert [row["kind"] for row in first["by_capture"]] == ["none", "scan-200"]
    for row in first["by_capture"]:
        assert row["right_portrait"]["count"] == 2
        assert row["failure_to_acquire"]["count"] == 0
    assert [p for p in first["problems"] if "nobody" in p["where"]]
    lines = log.read_text().splitlines()
    log.write_text("\n".join(lines[:3]) + "\n")
    again = json.loads(run(*command).stdout)
    assert len(log.read_text().splitlines()) == len(lines)
    for one, other in zip(first["outcomes"], again["outcomes"], strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    done = run(tmp_path / "people", "--captures", "none")
    assert "main portrait chosen" in done.stdout


@pytest.mark.parametrize(
    "wrong",
    [["--captures", ""], ["--captures", "nonsense"], ["--persons", "0"], ["--seed", "-1"],
     ["--workers", "0"], ["--log", "/dev/null"]],
)  # fmt: skip
def test_wrong_usage_is_told(tmp_path: Path, wrong: list[str]) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Pillow.new("RGB", (40, 40)).save(tmp_path / name / "0.png")
    done = run(tmp_path, *wrong)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
