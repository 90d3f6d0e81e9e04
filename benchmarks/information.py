"""Whether promised rates are kept on faces that have lost something: benchmarks/information.json.

    python benchmarks/information.py --assets ASSETS [--cache FILE] [--workers 2]
    python benchmarks/information.py --write-docs

200 people of the half of LFW that no rate was fitted on, after every degradation of
`renzheng.datasets.degradations.captures`: both sides, one side, any two different ones; the price
in true matches; and searches in a gallery. docs/information.md quotes the result; --write-docs
quotes it anew and measures nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

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
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "information.md"
START, END = "<!-- of benchmarks/information.json -->", "<!-- end -->"
PEOPLE, OTHERS = 200, 50
# The price of a doubt where both sides are degraded is measured for some of each family.
BOTH_DEGRADED = (
    *("noise-30", "blur-3", "jpeg-5", "small-24", "contrast-10", "dark-8", "light-4x", "glare"),
    *("half-as-wide", "eye-bar", "sunglasses", "mask", "grey"),
)


def tested_people(assets: Path) -> People:
    """Return the people of LFW whom the default pack's rates were not fitted on."""
    lfw = people.read(assets / "lfw" / "lfw-deepfunneled")
    tested = lfw.select(split_people(lfw.person, 0.5, 0))
    return replace(tested, name="LFW, people not fitted on")


def others(assets: Path, settings: InformationSettings, tell: Any) -> list[dict[str, Any]]:
    """Count false matches among Asian people whom nothing was fitted on, both sides degraded alike.

    Nothing was chosen by them either, while strengths were chosen in sight of some people of LFW.
    """
    found = []
    for name, folder in (("East Asian women", "AF"), ("East Asian men", "AM")):
        every = people.read_any(assets / "asian" / folder)
        every = replace(every, person=np.arange(len(every.pictures)))
        tested = every.select(split_people(every.person, 0.5, 0))
        study = evaluate_degraded(
            replace(tested, name=name),
            Verifier(threads=1),
            replace(settings, people=OTHERS, genuine=False),
            progress=tell,
        )
        rows = [row.to_dict() for row in study.rows if row.alike is not None]
        found.append(
            {
                "name": name,
                "people": study.people,
                "degradations": [{"name": r["name"], "alike": r["alike"]} for r in rows],
            }
        )
    return found


def quoted(found: dict[str, Any]) -> str:
    """Return the tables of docs/information.md, in Markdown."""
    lines = [
        f"{found['people']} people of LFW whom no rate was fitted on, "
        f"{found['provenance']['date'][:10]}; {found['max_fmr']:g} is promised for a comparison, "
        f"{100 * found['max_fpir']:g} % for a search.",
        "",
        "| both sides | strength | false matches: before | after | in doubt "
        "| strangers identified: before | after | one side: before | after |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found["degradations"]:
        alike, one, gallery = row["alike"], row["one_sided"], row["gallery"]
        cells = [
            row["name"] + (" \\*" if row["held_out"] else ""),
            "-" if row["strength"][1] is None else f"{row['strength'][1]:.1f}",
            *(_pairs(alike) if alike else ("-",) * 3),
            *(_found(gallery["strangers"]) if gallery else ("-",) * 2),
            *(_counts(one) if one else ("-",) * 2),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    mixed = found["mixed"]
    lines += [
        "",
        f"Two different degradations: {mixed['before']:,} of {mixed['pairs']:,} pairs matched "
        f"falsely before, {mixed['after']:,} after ({_share(mixed['after'], mixed['pairs'])}); "
        f"in doubt are {_share(mixed['doubt'], mixed['pairs'])}. Most matched falsely after: "
        + "; ".join(f"{a} and {b}, {n} of {of:,}" for a, b, n, of in mixed["worst"][:3])
        + ".",
        "",
        "| true matches | one side: before | after | in doubt | both sides: before | after "
        "| in doubt | mates identified: before | after |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found["degradations"]:
        both, one, gallery = row["genuine_alike"], row["genuine_one_sided"], row["gallery"]
        if not both:
            continue
        mates = gallery and gallery["mates"]
        cells = [
            row["name"],
            *(_true(one) if one else ("-",) * 3),
            *_true(both),
            *(_true(mates) if mates else ("-",) * 2),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *map(_other, found["others"])])


def _other(found: dict[str, Any]) -> str:
    """Return a sentence on one of the other populations."""
    rows = [(row["name"], row["alike"]) for row in found["degradations"]]
    before, after, pairs = (
        sum(count(rates) for _, rates in rows)
        for count in (
            lambda r: r["before"]["count"],
            lambda r: r["after"]["count"],
            lambda r: r["pairs"],
        )
    )
    left = sorted(rows, key=lambda row: -row[1]["after"]["count"] / row[1]["pairs"])
    named = "; ".join(
        f"{name} {rates['after']['count']} of {rates['pairs']:,}"
        for name, rates in left
        if rates["after"]["count"]
    )
    return (
        f"{found['name']} ({found['people']} people whom nothing was fitted on or chosen by), both "
        f"sides degraded alike: {before:,} of {pairs:,} pairs matched falsely before, {after:,} "
        "after" + (f" ({named}).  " if named else ".  ")
    )


def _share(count: int, of: int) -> str:
    share = 100 * count / of
    return "0" if not count else f"{share:.2g} %" if share < 10 else f"{share:.0f} %"


def _pairs(rates: dict[str, Any]) -> tuple[str, str, str]:
    before, after = rates["before"], rates["after"]
    cell = f"{_share(after['count'], rates['pairs'])} ({after['count']} of {rates['pairs']:,})"
    return _share(before["count"], rates["pairs"]), cell, f"{100 * rates['doubt']:.0f} %"


def _counts(rates: dict[str, Any]) -> tuple[str, str]:
    before, after = rates["before"]["count"], rates["after"]["count"]
    return f"{before} of {rates['pairs']:,}", str(after)


def _found(shares: dict[str, Any]) -> tuple[str, str]:
    before, after = shares["before"], shares["after"]
    return f"{before['count']} of {before['of']}", str(after["count"])


def _true(shares: dict[str, Any]) -> list[str]:
    parts = [shares[name] for name in ("before", "after", "doubt") if name in shares]
    return [f"{100 * each['value']:.1f} %" for each in parts]


def between(document: str, marks: tuple[str, str], quotation: str) -> str:
    """Return a document with what stands between two marks made anew."""
    head, start, rest = document.partition(marks[0])
    _, end, tail = rest.partition(marks[1])
    return f"{head}{start}\n{quotation}\n{end}{tail}"


def written(document: str, found: dict[str, Any]) -> str:
    """Return a document with its quotation made anew."""
    return between(document, (START, END), quoted(found))


def write_document(
    document: Path, output: Path, written: Callable[[str, dict[str, Any]], str]
) -> None:
    """Quote measurements in a document anew."""
    found = json.loads(output.read_text(encoding="utf-8"))
    text = document.read_text(encoding="utf-8")
    document.write_text(written(text, found), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=Path)
    parser.add_argument("--write-docs", action="store_true")
    parser.add_argument("--cache", type=Path, default=default_path())
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--persons", type=int, default=PEOPLE)
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    if arguments.write_docs:
        write_document(DOCUMENT, OUTPUT, written)
        return
    if arguments.assets is None:
        parser.error("--assets or --write-docs is needed")
    chosen = tested_people(arguments.assets)
    settings = InformationSettings(
        people=arguments.persons,
        both_degraded=BOTH_DEGRADED,
        workers=arguments.workers,
        cache=arguments.cache,
    )
    with terminal.progress() as tell:
        study = evaluate_degraded(chosen, Verifier(threads=1), settings, progress=tell)
        found = degraded.to_dict(study, command=COMMAND)
        found["others"] = others(arguments.assets, settings, tell)
    text = json.dumps(found, indent=1)
    arguments.output.write_text(text + "\n", encoding="utf-8")
    if arguments.output == OUTPUT:
        write_document(DOCUMENT, OUTPUT, written)
    for table in degraded.of_study(study):
        terminal.print_table(table)


if __name__ == "__main__":
    main()
