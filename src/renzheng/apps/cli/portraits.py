"""``evaluate portraits``: how often the main portrait of a document is found and chosen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options, terminal

if TYPE_CHECKING:
    from renzheng.apps.reports.evaluation.tables import Table
    from renzheng.evaluation.portraits.study import PortraitStudy, Row

_PORTRAITS = """\
Make specimen documents of people (several layouts, most with a ghost portrait), scan or photograph
them, turn them at random by 0, 90, 180 or 270 degrees, and measure how often the main portrait is
chosen.

PEOPLE is a folder with one folder of pictures for each person; the first picture is printed.
--log keeps every outcome, and the same command with the same log continues where it stopped.
"""


def register(protocols: Any) -> None:
    """Add this protocol to those of ``evaluate``."""
    parser = options.add_command(
        protocols,
        "portraits",
        "how often the main portrait of specimen documents is found and chosen",
        _PORTRAITS,
    )
    parser.add_argument("people", type=Path, metavar="PEOPLE")
    parser.add_argument(
        "--captures",
        metavar="NAME,...",
        help="how the documents are captured (default: all; `renzheng specimen --list`)",
    )
    parser.add_argument(
        "--persons", type=int, metavar="N", help="make documents of N people drawn at random"
    )
    options.add_seed(parser, "all random choices")
    options.add_detector(parser)
    options.add_min_face_size(parser)
    options.add_workers(parser)
    parser.add_argument(
        "--log", type=Path, metavar="FILE.jsonl", help="keep every outcome, to continue later"
    )
    options.add_json(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from renzheng.datasets import people, specimens
    from renzheng.evaluation.portraits.settings import PortraitSettings
    from renzheng.evaluation.portraits.study import evaluate_portraits

    settings = PortraitSettings(
        captures=tuple(
            specimens.CAPTURES if arguments.captures is None else arguments.captures.split(",")
        ),
        people=arguments.persons,
        seed=arguments.seed,
        workers=options.workers(arguments),
        min_face_size=arguments.min_face_size,
        detector=arguments.detector,
    )
    found = people.read(arguments.people)
    with terminal.progress() as tell:
        study = evaluate_portraits(
            found,
            settings,
            log=arguments.log,
            progress=lambda done, whole: tell("searching", done, whole),
        )
    if arguments.json:
        options.print_json({"command": terminal.command_line(), **study.to_dict()})
        return 0
    for table in _tables(study):
        terminal.print_table(table)
    return 0


def _tables(study: PortraitStudy) -> list[Table]:
    from renzheng.apps.reports.evaluation.tables import Table, problem_table

    columns = (
        "",
        "main portrait chosen",
        "failure to acquire",
        "doubt",
        "ghost recognised",
        "median",
    )
    titles = {
        "by_capture": study.name,
        "by_turn": "by quarter turn",
        "by_layout": "by layout",
    }
    tables = [
        Table(title, columns, tuple(_cells(row) for row in getattr(study, name)), "")
        for name, title in titles.items()
    ]
    problems = problem_table(study.problems, 10)
    return tables if problems is None else [*tables, problems]


def _cells(row: Row) -> tuple[str, ...]:
    shares = (row.right, row.lost, row.doubted, row.ghosts)
    return (
        row.kind,
        *(
            ""
            if s is None
            else f"{100 * s.value:.2f} % [{100 * s.low:.2f}, {100 * s.high:.2f}] of {s.of}"
            for s in shares
        ),
        f"{row.milliseconds:.0f} ms",
    )
