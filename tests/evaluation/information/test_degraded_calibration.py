"""A calibration whose rates of weaker faces are fitted on one's own people, by the command."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from renzheng import InformationGrade, Policy, Verifier, images
from renzheng.apps import cli
from renzheng.datasets.degradations import captures
from renzheng.faces.selection import choose_face
from renzheng.types import Image
from renzheng.verification.calibration import Calibration

PEOPLE = 24
DEGRADED = 12


@pytest.fixture(scope="module")
def lfw_people(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures each of people of LFW."""
    folder = tmp_path_factory.mktemp("people")
    several = [
        each
        for each in sorted((assets / "lfw" / "lfw-deepfunneled").iterdir())
        if len(list(each.glob("*.jpg"))) >= 2
    ]
    for person in several[:PEOPLE]:
        (folder / person.name).mkdir()
        for picture in sorted(person.glob("*.jpg"))[:2]:
            shutil.copy(picture, folder / person.name)
    return folder


def test_levels_are_fitted_anew_and_used(
    lfw_people: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(captures, "fitted", lambda: ("noise-60", "sunglasses"))
    pack = tmp_path / "mine"
    command = ["calibrate", "--people", str(lfw_people), "-o", str(pack), "--hold-out", "0"]
    command += ["--no-cache", "--workers", "1", "--degraded", str(DEGRADED)]
    assert cli.main(command) == 0, capsys.readouterr().err
    ours, shipped = Calibration.load(pack / "calibration.json"), Verifier(threads=1).calibration
    assert shipped is not None
    assert ours.min_strength is not None
    assert ours.min_strength != shipped.min_strength
    assert ours.provenance["degraded"].startswith(f"{DEGRADED} people")

    verifier = Verifier(pack, threads=1, policy=Policy(max_fmr=ours.resolution))
    clear = sorted(lfw_people.glob("*/*1.jpg"))[:2]
    noisy = [made_noisy(verifier, path) for path in clear]
    comparisons = [verifier.verify(*pair).comparison for pair in (clear, noisy)]
    assert [each.information.grade for each in comparisons if each is not None] == [
        InformationGrade.FULL,
        InformationGrade.INSUFFICIENT,
    ]


def made_noisy(verifier: Verifier, path: Path) -> Image:
    image = images.read(path)
    face = choose_face(verifier.detect(image), image.shape[1::-1])
    return captures.get("noise-80")(image, face, np.random.default_rng(0))
