"""A pack without rates is no dead end: each command that needs them names one that makes them."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from renzheng import Verifier
from renzheng.apps.cli import build_parser, main
from renzheng.models.packs import Pack


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory, embedding_pack: Pack) -> Path:
    folder = tmp_path_factory.mktemp("packs") / "a pack"
    shutil.copytree(embedding_pack.folder, folder)
    (folder / "calibration.json").unlink()
    manifest = folder / "pack.toml"
    lines = manifest.read_text(encoding="utf-8").splitlines(keepends=True)
    manifest.write_text("".join(each for each in lines if '"calibration.json" =' not in each))
    return folder


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80, 3), np.uint8)
    Pillow.fromarray(noise).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def check(told: str, pack: Path) -> None:
    """Check that a message names a command that calibrates this pack."""
    assert "has no calibration" in told
    found = re.search(r"renzheng (calibrate .* -o \S+)", told)
    assert found, told
    arguments = build_parser("calibrate").parse_args(shlex.split(found[1]))
    assert arguments.pack == str(pack)
    assert arguments.people == Path("FOLDER")


def test_verify_names_the_command(
    pack: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(picture), str(picture), "--pack", str(pack)]) == 2
    check(capsys.readouterr().err, pack)


def test_batch_names_the_command(
    pack: Path, picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pairs.csv").write_text("reference,probe\na.png,a.png\n")
    table, out = str(tmp_path / "pairs.csv"), str(tmp_path / "out.csv")
    assert main(["batch", table, "-o", out, "--pack", str(pack)]) == 2
    check(capsys.readouterr().err, pack)


def test_serve_names_the_command(pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("fastapi", reason="needs renzheng[serve]")
    assert main(["serve", "--port", "0", "--pack", str(pack)]) == 2
    check(capsys.readouterr().err, pack)


def test_a_search_names_the_command(
    pack: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("lancedb", reason="needs renzheng[gallery]")
    from renzheng.gallery import Gallery

    Gallery.create(tmp_path / "g", Verifier(pack, threads=1))
    assert main(["gallery", "check", str(tmp_path / "g")]) == 2
    check(capsys.readouterr().err, pack)


def test_distances_need_none(pack: Path) -> None:
    verifier = Verifier(pack, threads=1)
    rows = np.eye(2, 128, dtype=np.float32)
    compared = verifier.compare(rows[0], rows[1])
    assert compared.fmr is None
    assert compared.distance == pytest.approx(2**0.5)
