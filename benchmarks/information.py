"""Whether promised rates are kept on faces that have lost something: benchmarks/information.json.

    python benchmarks/information.py --assets ASSETS [--cache FILE] [--workers 2]

200 people of the half of LFW that no rate was fitted on, after every degradation of
`renzheng.datasets.degradations.captures`: both sides, one side, any two different ones; the price
in true matches; and searches in a gallery. docs/information.md quotes the result.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from renzheng import Verifier
from renzheng._support.cpu import cores
from renzheng.apps.cli import terminal
from renzheng.apps.reports.evaluation import degraded
from renzheng.datasets import people
from renzheng.datasets.types import People
from renzheng.evaluation.information.cache import default_path
from renzheng.evaluation.information.study import InformationSettings, evaluate_degraded
from renzheng.evaluation.sampling import split_people

COMMAND = "python benchmarks/information.py --assets ASSETS"
OUTPUT = Path(__file__).with_suffix(".json")
PEOPLE = 200
SEED = 5  # of the draw of people
# The price of a doubt where both sides are degraded is measured for some of each family.
BOTH_DEGRADED = (
    *("noise-30", "blur-3", "jpeg-5", "small-24", "contrast-10", "dark-8", "light-4x", "glare"),
    *("half-as-wide", "eye-bar", "sunglasses", "mask", "grey"),
)


def tested_people(assets: Path, count: int) -> People:
    """Draw people of LFW with two pictures whom the default pack's rates were not fitted on."""
    lfw = people.read(assets / "lfw" / "lfw-deepfunneled")
    tested = split_people(lfw.person, 0.5, 0)
    known, pictures = np.unique(lfw.person[tested], return_counts=True)
    _, first = np.unique(lfw.person, return_index=True)
    chosen = sorted(known[pictures >= 2], key=lambda person: first[person])
    np.random.default_rng(SEED).shuffle(chosen)
    found = lfw.select(np.isin(lfw.person, chosen[:count]))
    return replace(found, name="LFW, people not fitted on")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path, required=True)
    parser.add_argument("--cache", type=Path, default=default_path())
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--persons", type=int, default=PEOPLE)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    chosen = tested_people(arguments.assets, arguments.persons)
    settings = InformationSettings(
        both_degraded=BOTH_DEGRADED,
        workers=arguments.workers,
        cache=arguments.cache,
    )
    with terminal.progress() as tell:
        study = evaluate_degraded(chosen, Verifier(threads=1), settings, progress=tell)
    text = json.dumps(degraded.to_dict(study, command=COMMAND), indent=1)
    arguments.output.write_text(text + "\n", encoding="utf-8")
    for table in degraded.of_study(study):
        terminal.print_table(table)


if __name__ == "__main__":
    main()
