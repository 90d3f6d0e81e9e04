"""Galleries and batches say on whom their false match rates were measured."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image as Pillow

from renzheng import Calibration
from renzheng.apps.cli import main
from renzheng.models import packs
from renzheng.verification.calibration import Population

MEASURED = (
    "LFW's people (extrapolated below 4e-06), East <Asian> women (extrapolated below 0.0002); "
    "the worst counts; not covered: children"
)
ESCAPED = MEASURED.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The oldest pack, as if calibrated on several populations."""
    folder = tmp_path_factory.mktemp("packs") / "mine"
    plain = packs.load("dlib-resnet")
    calibration = Calibration.load(plain.file("calibration.json"))
    extended = replace(
        calibration,
        populations=tuple(
            Population(name, "a set", 500, covered, resolution, calibration.fmr)
            for name, covered, resolution in (
                ("LFW's people", True, 4e-6),
                ("East <Asian> women", True, 2e-4),
                ("children", False, 1e-3),
            )
        ),
    )
    content = json.dumps(extended.to_dict()).encode()
    packs.save_as(plain, folder, {"calibration.json": content}, {})
    return folder


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person under two names."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    folder = tmp_path_factory.mktemp("people")
    portrait = Pillow.fromarray(data.astronaut())
    for name, size in (("Eileen", 512), ("Aline", 400)):
        (folder / name).mkdir()
        portrait.resize((size, size)).save(folder / name / "1.png")
    return folder


def test_a_gallery_says_it(
    pack: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place, page = str(tmp_path / "members"), tmp_path / "page.html"
    assert main(["gallery", "create", place, "--pack", str(pack)]) == 0
    assert main(["gallery", "add", place, str(people), "--pack", str(pack)]) == 0
    for action, *more in (["search", place, str(people / "Aline" / "1.png")], ["check", place]):
        capsys.readouterr()
        main(["gallery", action, *more, "--pack", str(pack), "--report", str(page)])
        shown = capsys.readouterr()
        assert shown.out.rstrip().splitlines()[-1].strip() == f"FMR measured on {MEASURED}"
        text = page.read_text(encoding="utf-8")
        assert text.count("FMR measured on") == 1
        assert ESCAPED in text


def test_a_batch_says_it(pack: Path, people: Path, tmp_path: Path) -> None:
    pairs, page = tmp_path / "pairs.csv", tmp_path / "page.html"
    pairs.write_text("reference,probe\nEileen/1.png,Aline/1.png\n")
    main([
        "batch", str(pairs), "-o", str(tmp_path / "results.csv"), "--root", str(people),
        "--workers", "1", "--report", str(page), "--pack", str(pack), "--roles", "photo,photo",
    ])  # fmt: skip
    text = page.read_text(encoding="utf-8")
    assert "FMR measured on" in text
    assert ESCAPED in text
