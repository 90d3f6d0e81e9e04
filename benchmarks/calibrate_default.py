"""Fit the default pack's false match rates, and put them into its definition.

    python benchmarks/calibrate_default.py --assets ASSETS [--cache FILE] [--workers 2]
    python benchmarks/calibrate_default.py --assets ASSETS --only information

The promise is held to LFW's people, East Asian women and East Asian men (SCUT-FBP5500): half of
each are fitted on, the other half tested on. The rates of children and of people over 60
(All-Age-Faces) are stated and not covered. Writes ``calibration.json`` and the manifest's tables
``[calibration]`` in src/renzheng/models/packs/definitions; what the pack is otherwise stays.

The information levels are fitted on people of the same halves, each degraded in the ways of
`renzheng.datasets.degradations.captures` that are not held out for tests
(benchmarks/information.py). The nearest genuine distance is LFW's, without the photographs that it
holds twice. With ``--only information`` the curves stay as they are and these two are fitted anew.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import tomli_w

from renzheng import Calibration, Verifier
from renzheng._support.cpu import cores
from renzheng.apps.cli import terminal
from renzheng.datasets import people
from renzheng.datasets.types import People
from renzheng.evaluation.cache import default_path
from renzheng.evaluation.comparisons import recalibration
from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator
from renzheng.evaluation.comparisons.populations import Sample
from renzheng.evaluation.information import cache as degraded_cache
from renzheng.evaluation.information.fitting import acquire_fitting, fit_levels
from renzheng.evaluation.sampling import split_people
from renzheng.models.defaults import DEFAULT_EMBEDDER
from renzheng.models.packs.catalogue import DEFINITIONS
from same_picture import TWICE

COMMAND = "python benchmarks/calibrate_default.py --assets ASSETS"
MARK = "\n[calibration]\n"
HOLD_OUT = 0.5
# People who are degraded: of the halves that the curves are fitted on, drawn by these seeds.
DEGRADED = {"LFW": (80, 5), "East Asian women": (50, 6), "East Asian men": (50, 6)}
GENUINE_SHARE = 1e-4


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


def fitting_people(name: str, found: People) -> People:
    """Draw people of the half to fit on, of LFW those with two pictures; one picture of each."""
    tested = split_people(found.person, HOLD_OUT, 0)
    _, first, count = np.unique(found.person, return_index=True, return_counts=True)
    least = 2 if name == "LFW" else 1
    chosen = first[(count >= least) & ~tested[first]]
    wanted, seed = DEGRADED[name]
    np.random.default_rng(seed).shuffle(chosen)
    return found.select(chosen[:wanted])


def nearest_genuine(evaluator: Evaluator, lfw: People) -> float:
    """Return the distance that one genuine pair of different photographs in 10,000 does not reach.

    Each pair counts once or each person once, whichever is nearer.
    """
    found, embedded = evaluator.embed_people(lfw)
    twice = {frozenset(pair) for pair in TWICE}
    names = [Path(picture.name).stem for picture in found.pictures]
    distance, weight = [], []
    for person in np.unique(found.person):
        own = np.flatnonzero((found.person == person) & embedded.acquired)
        pairs = [
            (a, b)
            for k, a in enumerate(own)
            for b in own[k + 1 :]
            if frozenset((names[a], names[b])) not in twice
        ]
        if pairs:
            one, other = np.array(pairs).T
            rows = embedded.rows.astype(np.float64)
            distance.append(np.linalg.norm(rows[one] - rows[other], axis=1))
            weight.append(np.full(len(pairs), 1 / len(pairs)))
    every, share = np.concatenate(distance), np.concatenate(weight)
    order = np.argsort(every)
    by_person = every[order][np.searchsorted(np.cumsum(share[order]) / share.sum(), GENUINE_SHARE)]
    return float(np.floor(1000 * min(np.quantile(every, GENUINE_SHARE), by_person)) / 1000)


def with_information(
    calibration: Calibration, evaluator: Evaluator, populations: dict[str, People], cache: Path
) -> Calibration:
    """Fit the information levels and the nearest genuine distance."""
    fitted = []
    for name, (wanted, _) in DEGRADED.items():
        fitted.append(
            acquire_fitting(
                fitting_people(name, populations[name]),
                wanted,
                evaluator.verifier,
                cache=cache,
                workers=evaluator.settings.workers,
                progress=evaluator.progress_of(f"degrading ({name})"),
            )
        )
    return replace(
        fit_levels(calibration, fitted),
        nearest_genuine=nearest_genuine(evaluator, populations["LFW"]),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_path())
    parser.add_argument("--degraded-cache", type=Path, default=degraded_cache.default_path())
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--only", choices=["information"])
    arguments = parser.parse_args()
    lfw = people.read(arguments.assets / "lfw" / "lfw-deepfunneled")
    others = samples(arguments.assets)
    place = DEFINITIONS / DEFAULT_EMBEDDER
    with terminal.progress() as tell:
        settings = EvaluationSettings(cache=arguments.cache, workers=arguments.workers)
        evaluator = Evaluator(Verifier(), settings, tell)
        if arguments.only is None:
            fit_curves(evaluator, lfw, others, place)
        found = with_information(
            Calibration.load(place / "calibration.json"),
            evaluator,
            {"LFW": lfw, **{each.name: each.people for each in others}},
            arguments.degraded_cache,
        )
    recalibration.write_calibration(found, place / "calibration.json")
    print(f"strength {found.min_strength:.4f}, nearest genuine {found.nearest_genuine:.4f}")
    for each in found.weaker:
        distance = found.threshold_at(1e-4, each.min_strength)
        print(f"  from {each.min_strength:.4f}: 1e-4 at {distance:.4f}")


def fit_curves(evaluator: Evaluator, lfw: People, others: list[Sample], place: Path) -> None:
    """Fit the false match rates of all populations, and write the file and the manifest's table."""
    with tempfile.TemporaryDirectory() as scratch:
        done = recalibration.recalibrate(
            evaluator,
            lfw,
            Path(scratch) / "pack",
            name="LFW",
            populations=others,
            command=COMMAND,
        )
        shutil.copyfile(done.pack.file("calibration.json"), place / "calibration.json")
    table = {k: v for k, v in done.pack.manifest["calibration"].items() if k != "pack_digest"}
    manifest = place / "pack.toml"
    said = manifest.read_text(encoding="utf-8").partition(MARK)[0].rstrip("\n")
    manifest.write_text(f"{said}\n\n{tomli_w.dumps({'calibration': table})}", encoding="utf-8")
    for each in done.populations:
        print(f"{each.population:<24}{each.promised:>8g}  {each.fmr}")


if __name__ == "__main__":
    main()
