"""``renzheng train`` as a user runs it: from pictures to a pack that separates new people.

No asset is needed: the pictures are painted here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from made_up import paint
from renzheng import Pack
from renzheng.faces.embedding import Embedder

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", *map(str, arguments)],
        capture_output=True, text=True, timeout=400, check=False, cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``crops``, ``run`` and ``pack``, made by the commands."""
    folder = tmp_path_factory.mktemp("trained")
    # Different seeds paint different people: none of validation's are in train.
    paint(folder / "crops" / "train", 32, 8, 64)
    paint(folder / "crops" / "validation", 60, 4, 64)
    done = run("train", "run", ROOT / "recipes" / "ci-smoke.toml", "--out", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "best equal error rate" in done.stdout
    done = run(
        "train", "export", "run", "--pack", "pack", "--name", "smoke", "--terms", "made up",
        "--json", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["difference"] <= 1e-4
    return folder


def test_the_pack_separates_people_whom_it_has_never_seen(trained: Path) -> None:
    done = run(
        "evaluate", "people", "crops/validation", "--pack", "pack", "--aligned", "arcface-112",
        "--no-cache", "--draws", 10, "--workers", 1, "--json", cwd=trained,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["area_under_roc"]["value"] >= 0.95
    assert data["people"] == 60


def test_verify_uses_the_pack_at_once(trained: Path) -> None:
    portrait = pytest.importorskip("skimage.data").astronaut()
    Pillow.fromarray(portrait).save(trained / "a.png")
    Pillow.fromarray(portrait).resize((400, 400)).save(trained / "b.jpg")
    done = run(
        "verify", "a.png", "b.jpg", "--pack", "pack", "--max-fmr", 0.3, "--json", cwd=trained
    )
    result = json.loads(done.stdout)
    assert result["pack"]["name"] == "smoke"
    assert result["distance"] < 0.5
    assert result["fmr"]["value"] <= 1


def test_the_manifest_says_where_the_network_comes_from(trained: Path) -> None:
    shown = json.loads(run("packs", "show", trained / "pack", "--json").stdout)
    assert shown["provenance"]["terms"] == "made up"
    assert shown["provenance"]["data"] == ["train"]
    assert len(shown["provenance"]["recipe_digest"]) == 64
    assert shown["measured"]["validation_eer"] < 0.1
    assert shown["calibration"]["held_out"]
    assert shown["input"]["size"] == 64


def test_8_bits_are_smaller_and_nearly_as_good(trained: Path) -> None:
    done = run("train", "export", "run", "--pack", "small", "--int8", "--json", cwd=trained)
    assert done.returncode == 0, done.stderr
    sizes = [(trained / pack / "embedder.onnx").stat().st_size for pack in ("pack", "small")]
    assert sizes[1] < 0.4 * sizes[0]
    held_out = json.loads(done.stdout)["held_out"]
    assert held_out["area_under_roc"]["value"] > 0.93


def test_a_run_is_imported_as_any_network_is(trained: Path) -> None:
    done = run(
        "packs", "import", "run", "-o", "imported", "--licence", "mine", "--data-licence",
        "made up", "--no-trial", cwd=trained,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    found = [
        Embedder.from_pack(Pack.load(trained / name)).embed(crops) for name in ("pack", "imported")
    ]
    np.testing.assert_allclose(*found, atol=1e-4)


def test_a_run_can_be_exported_without_calibration(trained: Path) -> None:
    recipe = json.loads((trained / "run" / "recipe.json").read_text())
    assert recipe["validation"]["source"] == "crops/validation"
    again = run("train", "export", "run", "--pack", "pack", cwd=trained)
    assert again.returncode == 5
    assert "exists already" in again.stderr


def test_one_command_goes_from_two_folders_to_a_pack(tmp_path: Path) -> None:
    paint(tmp_path / "people", 8, 4, 64)
    paint(tmp_path / "others", 30, 3, 64)
    command = [
        "train", "pack", "people", "others", "--aligned", "--pack", "mine",
        "--recipe", ROOT / "recipes" / "ci-smoke.toml", "batch.people=4", "run.epochs=1",
    ]  # fmt: skip
    done = run(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "use it: renzheng verify --pack mine" in done.stdout
    assert "8 names are in both folders" in done.stderr
    assert (tmp_path / "mine" / "calibration.json").exists()
    assert (tmp_path / "mine-work" / "run" / "last.pt").exists()
    again = run(*command, cwd=tmp_path)
    assert again.returncode == 5
    assert "exists already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["train"], "STEP"),
        (["train", "run", "gone.toml", "--out", "x"], "cannot be read"),
        (["train", "run", "RECIPE", "run.epoch=3", "--out", "x"], "did you mean 'epochs'"),
        (["train", "run", "RECIPE", 'data.sources=["nowhere"]', "--out", "x"], "no such file"),
        (["train", "run", "RECIPE", "--resume", "--out", "x"], "no run to go on with"),
        (["train", "run", "RECIPE", "loss.0.margn=1", "--out", "x"], "margn"),
        (["train", "run", "RECIPE", "batch.people=4000", "--out", "x"], "a batch needs 4000"),
        (["train", "export", "nowhere", "--pack", "y"], "cannot be read"),
        (["train", "prepare", "nowhere", "y"], "no such file"),
        (["train", "prepare", "crops/train", "crops/train/out"], "among the pictures"),
        (["train", "prepare", "crops/train", "y", "--workers", "0"], "--workers"),
    ],
)
def test_a_mistake_is_said_in_words(trained: Path, arguments: list[str], reason: str) -> None:
    given = [str(ROOT / "recipes" / "ci-smoke.toml") if a == "RECIPE" else a for a in arguments]
    done = run(*given, cwd=trained)
    assert done.returncode in (2, 5), done.stdout
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_backbones_are_listed_with_their_cost() -> None:
    rows = {row["name"]: row for row in json.loads(run("train", "backbones", "--json").stdout)}
    assert rows["mobilefacenet"]["parameters"] < 1.2e6
    assert rows["inception-resnet-v1"]["input_size"] == 160
    assert np.all([row["multiply_adds"] > 1e8 for row in rows.values()])


def test_verify_imports_no_torch() -> None:
    program = (
        "import sys\n"
        "from renzheng.apps import cli\n"
        "cli.build_parser()\n"
        "print(sorted(m for m in ('torch', 'matplotlib', 'onnx') if m in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n"
