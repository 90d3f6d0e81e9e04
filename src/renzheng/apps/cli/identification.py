"""``evaluate identification``: one-to-many search on pictures of your own."""

from __future__ import annotations

import argparse

from renzheng.apps.cli import studies

DESCRIPTION = """\
PEOPLE is a folder with one folder for each person, or a CSV table with the columns `picture` and
`person`. One picture of each person is enrolled; all the others are probes of searches:

  mated      the person is enrolled: TPIR, the share whose mate is found, and CMC by rank
  non-mated  the person is not enrolled: FPIR, the share that return anyone at all

Non-mated searches are made in two ways: leave-one-out removes the probe's person from the database,
disjoint leaves half of the people out of it. The pack's calibration promises an FPIR for a database
of n people, 1 - (1 - FMR)^n; this is compared with the rates seen in databases of several sizes.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that this protocol alone has."""
    studies.add_people(parser)
    parser.add_argument(
        "--references",
        choices=["first", "random"],
        default="first",
        help="the picture of each person to enrol (default: first, by name or row)",
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
        help="use only the people whom `renzheng calibrate --hold-out SHARE` with the same --seed "
        "holds out",
    )
    parser.set_defaults(run=_evaluate, channel=None, max_fmr=1e-4)


def _rates(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"not rates separated by commas: {text!r}") from None


def _evaluate(arguments: argparse.Namespace) -> int:
    from renzheng.apps.reports.evaluation import searches
    from renzheng.evaluation.searches.identification import SearchRules, identify

    rules = SearchRules(
        max_fpirs=arguments.max_fpir,
        rank=arguments.rank,
        references=arguments.references,
        held_out=arguments.held_out,
    )
    with studies.evaluator(arguments) as evaluator:
        study = identify(evaluator, studies.read_people(arguments), rules)
    studies.show_by(searches, study, arguments)
    return 0
