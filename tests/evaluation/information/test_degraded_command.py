"""``evaluate degraded`` as a user runs it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from renzheng import InvalidInput
from renzheng.apps import cli
from renzheng.apps.cli.degraded import names_of
from renzheng.datasets.degradations import captures


@pytest.fixture(scope="module")
def folder(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people of LFW, one of them with two pictures."""
    place = tmp_path_factory.mktemp("people")
    lfw = assets / "lfw" / "lfw-deepfunneled"
    for name, count in (("Aaron_Eckhart", 1), ("Aaron_Guiel", 1), ("Aaron_Peirsol", 2)):
        (place / name).mkdir()
        for path in sorted((lfw / name).glob("*.jpg"))[:count]:
            shutil.copy(path, place / name)
    return place


def test_kinds_are_names_families_and_groups() -> None:
    assert names_of("all") == tuple(captures.DEGRADATIONS)
    assert names_of("noise-60,jpeg-1,noise-60") == ("noise-60", "jpeg-1")
    assert set(names_of("fitted")).isdisjoint(names_of("held-out"))
    assert set(names_of("eyes")) == {"eye-bar", "sunglasses", "one-eye", "cap"}
    with pytest.raises(InvalidInput, match="fog"):
        names_of("noise-60,fog")


def test_the_degradations_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["evaluate", "degradations"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(captures.DEGRADATIONS)
    assert "held out" in next(line for line in lines if line.startswith("shaken-15 "))
    assert cli.main(["evaluate", "degradations", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["noise-60"]["family"] == "noise"


def test_a_study_is_shown_and_kept(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "degraded", str(folder), "--kinds", "noise-60", "--workers", "1"]
    command += ["--cache", str(tmp_path / "cache.sqlite3"), "--draws", "10"]
    page = tmp_path / "page.html"
    assert cli.main([*command, "--report", str(page)]) == 0
    shown = capsys.readouterr().out
    assert "false matches where 0.0001 is promised" in shown
    assert "noise-60" in shown
    assert "noise-60" in page.read_text(encoding="utf-8")
    assert cli.main([*command, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    written = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    assert found["degradations"] == written["degradations"]
    assert found["people"] == 3
    assert found["second_pictures"] == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--max-fmr", "2"], "--max-fmr"),
        (["--draws", "0"], "--draws"),
        (["--kinds", "fog"], "unknown degradation"),
        (["--persons", "1"], "two people"),
    ],
)
def test_options_that_cannot_work_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert cli.main(["evaluate", "degraded", str(folder), *more]) == 2
    assert message in capsys.readouterr().err
