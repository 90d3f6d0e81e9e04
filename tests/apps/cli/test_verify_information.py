"""What ``verify`` says of faces that show all, little or too little of themselves."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import pytest
from PIL import Image as Pillow

from information_levels import grading
from renzheng import Verifier
from renzheng.apps.cli import main, policies


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two pictures of one person, of which the second is shrunk and coded anew."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    folder = tmp_path_factory.mktemp("pictures")
    portrait = Pillow.fromarray(data.astronaut()[:300, 80:380])
    portrait.save(folder / "portrait.png")
    portrait.resize((230, 230)).save(folder / "again.jpg", quality=60)
    return str(folder / "portrait.png"), str(folder / "again.jpg")


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(roles=("photo", "photo"), threads=1)


@pytest.fixture
def ask(
    verifier: Verifier,
    pictures: tuple[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> object:
    """Runs ``verify`` with a calibration to which the pictures have a grade."""

    def asked(grade: str, *more: str) -> tuple[int, str]:
        def load(arguments: argparse.Namespace) -> Verifier:
            return grading(verifier, grade)

        monkeypatch.setattr(policies, "load_verifier", load)
        code = main(["verify", *pictures, *more])
        return code, capsys.readouterr().out

    return asked


def test_enough_of_a_face_needs_no_word(ask: object) -> None:
    code, told = ask("full")  # type: ignore[operator]
    assert code == 0
    assert re.search(r"^fmr         (at most )?\S+  \(false match rate", told, re.MULTILINE)
    assert "information" not in told


def test_little_of_a_face_has_its_rates_and_a_line(ask: object) -> None:
    code, told = ask("limited")  # type: ignore[operator]
    rate = re.search(r"^fmr         (?:at most )?(\S+)  \(false", told, re.MULTILINE)
    assert rate is not None
    assert code == (0 if float(rate[1]) <= 1e-4 else 3)
    line = (
        r"^information limited \(strength [\d.]+ and [\d.]+, 2e\+03 wanted on one side at least\)$"
    )
    assert re.search(line, told, re.MULTILINE)
    assert re.search(r"^warning     \w+: both pictures show little of a face", told, re.MULTILINE)


def test_too_little_of_a_face_has_no_rate_and_is_inconclusive(ask: object, tmp_path: Path) -> None:
    page = tmp_path / "why.html"
    code, told = ask("insufficient", "--report", str(page))  # type: ignore[operator]
    assert code == 3
    assert told.startswith("INCONCLUSIVE: ")
    assert "fmr         not stated: both faces show too little" in told
    assert re.search(r"^information insufficient \(strength [\d.]+ and", told, re.MULTILINE)
    assert "llr" not in told
    assert "measured on" not in told
    text = page.read_text(encoding="utf-8")
    assert "not stated" in text
    assert "no false match rate holds for so little" in text
    assert "<svg" not in text


@pytest.mark.parametrize("grade", ["full", "limited", "insufficient"])
def test_the_json_has_grade_and_strengths(ask: object, grade: str) -> None:
    _, told = ask(grade, "--json")  # type: ignore[operator]
    found = json.loads(told)
    assert found["information"]["grade"] == grade
    assert found["information"]["reference"] > 1
    assert found["information"]["probe"] > 1
    assert found["information"]["wanted"] == (0.2 if grade == "full" else 2000)
    assert (found["fmr"] is None) == (found["llr"] is None) == (grade == "insufficient")
    codes = {each["code"]: each["effect"] for each in found["warnings"]}
    assert codes.get("little_information") == ("doubt" if grade == "insufficient" else None)
    assert codes.get("limited_information") == ("warning" if grade == "limited" else None)
