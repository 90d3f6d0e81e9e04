"""The price of strengths on ordinary pairs: benchmarks/information_price.json.

    python benchmarks/information_price.py --assets ASSETS [--people 200]
    python benchmarks/information_price.py --write-docs

Genuine pairs that match by distance alone and not by distance and strength: the 3,000 of LFW View 2
without anything done to them, and documents made from the photographs of people whom no rate was
fitted on, each against another photograph of the same person. docs/information.md quotes it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from information import DOCUMENT, between, tested_people, write_document
from renzheng import Verifier, images
from renzheng.apps.cli import terminal
from renzheng.datasets import lfw, made
from renzheng.datasets.types import Picture
from renzheng.evaluation.acquisition import read_content
from renzheng.evaluation.information.rates import decide, thresholds_of
from renzheng.evaluation.information.study import drawn_people
from renzheng.evaluation.statistics.proportion import Proportion
from renzheng.types import Role
from renzheng.verification.information import Thresholds
from renzheng.verification.templates import FaceTemplate

COMMAND = "python benchmarks/information_price.py --assets ASSETS"
OUTPUT = Path(__file__).with_suffix(".json")
START, END = "<!-- of benchmarks/information_price.json -->", "<!-- end of the price -->"
CHANNELS = ("chip", "card-scan-200", "card-laminate-glare", "photocopy")
MAX_FMR = 1e-4
Pair = tuple[FaceTemplate, FaceTemplate]


def photograph(picture: Picture, verifier: Verifier) -> FaceTemplate:
    return verifier.extract(read_content(picture), Role.PHOTO, name=picture.name)


def clean_pairs(assets: Path, verifier: Verifier, tell: Any) -> Iterator[Pair]:
    """Yield the genuine pairs of LFW View 2."""
    pairs = lfw.read(assets / "lfw")
    chosen = np.flatnonzero(pairs.same)
    known: dict[int, FaceTemplate] = {}
    for done, row in enumerate(chosen, 1):
        sides = int(pairs.reference[row]), int(pairs.probe[row])
        for side in sides:
            if side not in known:
                known[side] = photograph(pairs.pictures[side], verifier)
        tell("LFW View 2", done, len(chosen))
        yield known[sides[0]], known[sides[1]]


def document_pairs(
    channel: str, pictures: list[tuple[Picture, FaceTemplate]], verifier: Verifier, tell: Any
) -> Iterator[Pair]:
    """Yield documents made from one photograph of each person, with another photograph."""
    for number, (first, live) in enumerate(pictures):
        tell(channel, number + 1, len(pictures))
        image = images.read(read_content(first), name=first.name)
        face = photograph(first, verifier).face
        if face is not None:
            document = made.make(channel, image, face, number)
            yield verifier.extract(document, Role.DOCUMENT, name=first.name), live


def price(pairs: Iterator[Pair], thresholds: Thresholds) -> dict[str, Any]:
    """Count genuine pairs that match before and after strength counts, and that are in doubt."""
    distances, strengths, compared = [], [], 0
    for one, other in pairs:
        compared += 1
        if one.embedding is not None and other.embedding is not None:
            distances.append(np.linalg.norm(one.embedding - other.embedding, axis=0))
            strengths.append(max(one.strength or 0.0, other.strength or 0.0))
    found = decide(thresholds, np.array(distances, np.float64), np.array(strengths))
    counted = {
        "matches_before": found.before,
        "matches_after": found.after,
        "lost": found.before & ~found.after,
        "without_rate": found.doubt,
    }
    return {
        "pairs": compared,
        "acquired": len(distances),
        **{name: Proportion.counted(mask).to_dict() for name, mask in counted.items()},
    }


def quoted(found: dict[str, Any]) -> str:
    """Return the table of docs/information.md, in Markdown."""
    lines = [
        f"Genuine pairs, {found['date']}, at a promised FMR of {found['max_fmr']:g}:",
        "",
        "| pairs | acquired | match by distance alone | by distance and strength | lost "
        "| no rate is stated |",
        "|---|---|---|---|---|---|",
    ]
    for name, row in found["rows"].items():
        cells = [
            *(_percent(row[key]) for key in ("matches_before", "matches_after")),
            f"{_percent(row['lost'])} ({row['lost']['count']})",
            _percent(row["without_rate"]),
        ]
        lines.append(f"| {name} | {row['acquired']:,} of {row['pairs']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _percent(share: dict[str, Any]) -> str:
    return f"{100 * share['value']:.2f} %"


def written(document: str, found: dict[str, Any]) -> str:
    """Return a document with its quotation made anew."""
    return between(document, (START, END), quoted(found))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--people", type=int, default=200)
    arguments = parser.parse_args()
    if arguments.write_docs:
        write_document(DOCUMENT, OUTPUT, written)
        return
    if arguments.assets is None:
        parser.error("--assets or --write-docs is needed")
    verifier = Verifier()
    assert verifier.calibration is not None
    thresholds = thresholds_of(verifier.calibration, MAX_FMR)
    with terminal.progress() as tell:
        rows = {
            "LFW View 2, nothing done": price(
                clean_pairs(arguments.assets, verifier, tell), thresholds
            )
        }
        people = drawn_people(tested_people(arguments.assets), arguments.people, seed=0)
        order = np.argsort(people.person, kind="stable")
        pictures = [
            (people.pictures[a], photograph(people.pictures[b], verifier))
            for a, b in pairwise(order)
            if people.person[a] == people.person[b]
        ]
        made_of = partial(document_pairs, pictures=pictures, verifier=verifier, tell=tell)
        for channel in CHANNELS:
            rows[f"{channel}, one side"] = price(made_of(channel), thresholds)
    found = {
        "command": COMMAND,
        "date": datetime.now(UTC).date().isoformat(),
        "pack": {"name": verifier.pack.name, "digest": verifier.pack.digest},
        "max_fmr": MAX_FMR,
        "min_strength": verifier.calibration.min_strength,
        "rows": rows,
    }
    OUTPUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_document(DOCUMENT, OUTPUT, written)
    print(quoted(found))


if __name__ == "__main__":
    main()
