"""``evaluate portraits``: is the main portrait of a document found, and told from its ghost?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options, studies

if TYPE_CHECKING:
    from renzheng.apps.reports.evaluation.tables import Table
    from renzheng.evaluation.portraits import PortraitStudy, Row

_PORTRAITS = """\
Make specimen documents of people (several layouts, most with a ghost portrait), scan or photograph
them, turn them by chance by 0, 90, 180 or 270 degrees, and see whether the main portrait is chosen.

PEOPLE is a folder with one folder of pictures for each person; the first picture is printed.
--log keeps every outcome, and the same command with the same log goes on where it stopped.
"""


def register(protocols: Any) -> None:
    """Add the protocol to those of ``evaluate``."""
    parser = protocols.add_parser(
        "portraits",
        help="specimen documents: is the main portrait found and chosen?",
        description=_PORTRAITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("people", type=Path, metavar="PEOPLE")
    parser.add_argument(
        "--captures",
        metavar="NAME,...",
        help="how the documents are captured (default: all; `renzheng specimen --list`)",
    )
    parser.add_argument(
        "--persons", type=int, metavar="N", help="documents of N people drawn by chance"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn (default: 0)")
    parser.add_argument(
        "--min-face-size", type=int, default=40, metavar="PX", help="as in verify (default: 40)"
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--log", type=Path, metavar="FILE.jsonl", help="keep outcomes, go on later")
    options.add_json(parser)
    parser.set_defaults(run=_evaluate)


def _evaluate(arguments: argparse.Namespace) -> int:
    from renzheng.datasets import people, specimens
    from renzheng.evaluation import portraits

    settings = portraits.Settings(
        captures=tuple(
            specimens.CAPTURES if arguments.captures is None else arguments.captures.split(",")
        ),
        people=arguments.persons,
        seed=arguments.seed,
        workers=options.workers(arguments),
        min_face_size=arguments.min_face_size,
    )
    found = people.read(arguments.people)
    with studies.progress() as tell:
        study = portraits.study(
            found,
            settings,
            log=arguments.log,
            progress=lambda done, whole: tell("searching", done, whole),
        )
    if arguments.json:
        options.print_json({"command": studies.command(), **study.to_dict()})
        return 0
    for table in _tables(study):
        studies.print_table(table)
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
