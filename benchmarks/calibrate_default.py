"""Fit the default pack's false match rates, and put them into its definition.

    python benchmarks/calibrate_default.py --assets ASSETS [--cache FILE] [--workers 2]

The promise is held to LFW's people, East Asian women and East Asian men (SCUT-FBP5500): half of
each are fitted on, the other half tested on. The rates of children and of people over 60
(All-Age-Faces) are stated and not covered. Writes ``calibration.json`` and the manifest's tables
``[calibration]`` in src/renzheng/models/packs/definitions; what the pack is otherwise stays.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import tomli_w

from renzheng import Verifier
from renzheng._support.cpu import cores
from renzheng.apps.cli import terminal
from renzheng.datasets import people
from renzheng.datasets.types import People
from renzheng.evaluation.cache import default_path
from renzheng.evaluation.comparisons import recalibration
from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator
from renzheng.evaluation.comparisons.populations import Sample
from renzheng.models.defaults import DEFAULT_EMBEDDER
from renzheng.models.packs.catalogue import DEFINITIONS

COMMAND = "python benchmarks/calibrate_default.py --assets ASSETS"
MARK = "\n[calibration]\n"


def population(name: str, folder: Path, youngest: int = 0, oldest: int = 999) -> People:
    """Read a folder of one picture each; of All-Age-Faces, the people of some ages."""
    pictures = people.read_any(folder).pictures
    if oldest < 999:
        pictures = [p for p in pictures if youngest <= int(Path(p.name).stem[-2:]) <= oldest]
    return People(name, pictures, np.arange(len(pictures)))


def samples(assets: Path) -> list[Sample]:
    asian, ages = assets / "asian", assets / "ages"
    scut, all_ages = "SCUT-FBP5500, one picture each", "All-Age-Faces, every eighth"
    covered = {
        "East Asian women": population(f"{scut}, women", asian / "AF"),
        "East Asian men": population(f"{scut}, men", asian / "AM"),
    }
    stated = {
        "Chinese girls to 12": population(f"{all_ages}, girls", ages / "F", 0, 12),
        "Chinese boys to 12": population(f"{all_ages}, boys", ages / "M", 0, 12),
        "Chinese women over 60": population(f"{all_ages}, women", ages / "F", 61, 998),
        "Chinese men over 60": population(f"{all_ages}, men", ages / "M", 61, 998),
    }
    return [
        *(Sample(name, each, covered=True) for name, each in covered.items()),
        *(Sample(name, each, covered=False) for name, each in stated.items()),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_path())
    parser.add_argument("--workers", type=int, default=cores())
    arguments = parser.parse_args()
    lfw = people.read(arguments.assets / "lfw" / "lfw-deepfunneled")
    with terminal.progress() as tell, tempfile.TemporaryDirectory() as scratch:
        settings = EvaluationSettings(cache=arguments.cache, workers=arguments.workers)
        done = recalibration.recalibrate(
            Evaluator(Verifier(), settings, tell),
            lfw,
            Path(scratch) / "pack",
            name="LFW",
            populations=samples(arguments.assets),
            command=COMMAND,
        )
        place = DEFINITIONS / DEFAULT_EMBEDDER
        shutil.copyfile(done.pack.file("calibration.json"), place / "calibration.json")
    table = {k: v for k, v in done.pack.manifest["calibration"].items() if k != "pack_digest"}
    manifest = place / "pack.toml"
    said = manifest.read_text(encoding="utf-8").partition(MARK)[0].rstrip("\n")
    manifest.write_text(f"{said}\n\n{tomli_w.dumps({'calibration': table})}", encoding="utf-8")
    for each in done.populations:
        print(f"{each.population:<24}{each.promised:>8g}  {each.fmr}")


if __name__ == "__main__":
    main()
