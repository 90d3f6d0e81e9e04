"""``evaluate identification``: one-to-many search on a user's own pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from renzheng.apps.cli import options, studies

DESCRIPTION = """\
PEOPLE is a folder with one folder for each person, or a CSV table with the columns `picture` and
`person`. One picture of each person is enrolled, all the others are searched for:

  mated      with the person enrolled: TPIR, the share whose mate is found, and CMC by rank
  non-mated  without: FPIR, the share that return anyone at all

Non-mated searches are made twice: leave-one-out takes the person searched for out of the database,
disjoint leaves half of the people out of it. The pack's calibration promises an FPIR for a database
of n people, 1 - (1 - FMR)^n; that is held against what databases of several sizes show.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The protocol's own options."""
    parser.add_argument("people", type=Path, metavar="PEOPLE")
    parser.add_argument(
        "--root", type=Path, metavar="FOLDER", help="where a table's relative paths start"
    )
    parser.add_argument(
        "--references",
        choices=["first", "random"],
        default="first",
        help="which picture of each person is enrolled (default: first, by name or row)",
    )
    parser.add_argument(
        "--max-fpir",
        type=_rates,
        default=(0.1, 0.01, 0.001),
        metavar="RATE,...",
        help="the false positive identification rates to report (default: 0.1,0.01,0.001)",
    )
    parser.add_argument(
        "--rank",
        type=int,
        default=1,
        metavar="R",
        help="the mate must be among the R nearest (default: 1; 0 for any rank)",
    )
    parser.add_argument(
        "--held-out",
        type=float,
        metavar="SHARE",
        help="take only the people whom `renzheng calibrate --hold-out SHARE` with the same --seed "
        "leaves out",
    )
    parser.set_defaults(run=_evaluate, channel=None, max_fmr=1e-4)


def _rates(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"rates apart by commas wanted, not {text!r}") from None


def _evaluate(arguments: argparse.Namespace) -> int:
    from renzheng.apps.reports.evaluation import searches
    from renzheng.evaluation.searches.identification import Rules, identify

    rules = Rules(
        max_fpirs=arguments.max_fpir,
        rank=arguments.rank,
        references=arguments.references,
        held_out=arguments.held_out,
    )
    with studies.evaluator(arguments) as evaluator:
        study = identify(evaluator, studies.read_people(arguments), rules)
    command = studies.command()
    if arguments.report is not None:
        searches.save(study, arguments.report, command=command)
    if arguments.json:
        options.print_json(searches.to_dict(study, command=command))
        return 0
    for table in searches.of_study(study, most_problems=10):
        studies.print_table(table)
    for limit in study.provenance["limits"]:
        print(f"limit: {limit}")
    if arguments.report is not None:
        print(f"report: {arguments.report}, {arguments.report.with_suffix('.json')}")
    return 0
