"""The parts that commands which measure share: their options, the evaluator and its results."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options, terminal, verifiers

if TYPE_CHECKING:
    from renzheng.apps.reports.evaluation.tables import Table
    from renzheng.datasets.types import People
    from renzheng.evaluation.comparisons.evaluator import Evaluator
    from renzheng.evaluation.comparisons.populations import Kept
    from renzheng.evaluation.comparisons.study import Study


def add_embedding(parser: argparse.ArgumentParser) -> None:
    """Add the options of embedding many pictures: the processes and the cache."""
    options.add_workers(parser, "processes that embed")
    cache = parser.add_mutually_exclusive_group()
    cache.add_argument(
        "--cache",
        type=Path,
        metavar="FILE",
        help="file of embeddings, readable by you only (default: in the user's cache)",
    )
    cache.add_argument("--no-cache", action="store_true", help="keep no embeddings")


def add_aligned(parser: argparse.ArgumentParser) -> None:
    """Add ``--aligned``: pictures that are aligned crops already."""
    parser.add_argument(
        "--aligned",
        metavar="TEMPLATE",
        help="the pictures are crops aligned to this template (arcface-112 ...), so detect no "
        "faces; `no` to detect faces",
    )


def add_max_pictures(parser: argparse.ArgumentParser) -> None:
    """Add ``--most``: the number of pictures to use of each person."""
    parser.add_argument(
        "--most",
        type=int,
        metavar="N",
        help="use at most N pictures of each person, the first ones",
    )


def add_hold_out(parser: argparse.ArgumentParser) -> None:
    """Add ``--hold-out``: the share of people to test on."""
    parser.add_argument(
        "--hold-out",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="share of the people to test on, who are not fitted on (default: 0.5; 0 for none)",
    )


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add ``--report``: a page of the results."""
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page, and FILE.json beside it"
    )


def add_draws(parser: argparse.ArgumentParser) -> None:
    """Add ``--draws``: the replicates of the bootstrap."""
    parser.add_argument(
        "--draws",
        type=int,
        default=400,
        metavar="N",
        help="bootstrap replicates behind the intervals (default: 400)",
    )


def add_measurement(
    parser: argparse.ArgumentParser, *, channel: bool = True, comparisons: bool = True
) -> None:
    """Add the options of measuring a pack.

    Parameters
    ----------
    parser
        The parser to add them to.
    channel
        True to add ``--channel``.
    comparisons
        True to add the options for studies of single comparisons.
    """
    options.add_pack(parser)
    options.add_detector(parser)
    options.add_min_face_size(parser)
    options.add_backend(parser)
    add_aligned(parser)
    if channel:
        parser.add_argument(
            "--channel",
            metavar="NAME",
            help="put every reference through this document channel first",
        )
    options.add_seed(parser, "channels, draws and splits")
    add_draws(parser)
    if comparisons:
        parser.add_argument(
            "--max-fmr",
            type=float,
            default=1e-4,
            metavar="RATE",
            help="false match rate at which groups and channels are compared (default: 1e-4)",
        )
    add_embedding(parser)
    add_report(parser)
    if comparisons:
        parser.add_argument(
            "--show-faces",
            action="store_true",
            help="show the worst comparisons as pictures in the report, which then holds faces",
        )
    options.add_json(parser)


def add_people(parser: argparse.ArgumentParser) -> None:
    """Add ``PEOPLE`` and ``--root``: the people to measure on."""
    parser.add_argument("people", type=Path, metavar="PEOPLE")
    options.add_root(parser)


@contextmanager
def evaluator(arguments: argparse.Namespace) -> Iterator[Evaluator]:
    """Make the evaluator that the options ask for, and show its progress."""
    from renzheng.errors import InvalidInput
    from renzheng.evaluation.cache import default_path
    from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator

    workers = options.workers(arguments)
    for name, minimum in (("draws", 0), ("most", 1), ("enrol", 1)):
        value = getattr(arguments, name, None)
        if value is not None and value < minimum:
            raise InvalidInput(f"--{name} must be {minimum} or more, not {value}")
    if not 0 < arguments.max_fmr < 1:
        raise InvalidInput(f"--max-fmr must lie between 0 and 1, not {arguments.max_fmr:g}")
    if arguments.report is not None:
        from renzheng.apps.reports import evaluation

        evaluation.check(arguments.report)
        check_report(arguments)
    arguments.threads = None
    verifier = verifiers.load(arguments)
    settings = EvaluationSettings(
        aligned=None if arguments.aligned == "no" else arguments.aligned,
        channel=arguments.channel,
        seed=arguments.seed,
        cache=None if arguments.no_cache else arguments.cache or default_path(),
        workers=workers,
        draws=arguments.draws,
        max_fmr=arguments.max_fmr,
    )

    def message() -> str:
        if settings.cache is None:
            return ""
        return "embeddings so far are kept; the same command continues from here"

    with terminal.progress() as tell, terminal.explain_interrupt(message):
        yield Evaluator(verifier, settings, tell)


def read_people(arguments: argparse.Namespace) -> People:
    """Read the people that ``PEOPLE``, ``--root`` and ``--most`` name: a folder or a table."""
    from renzheng.datasets import people, table
    from renzheng.evaluation.sampling import first_pictures

    if arguments.people.is_dir():
        found = people.read(arguments.people)
    else:
        found = table.read_people(arguments.people, arguments.root)
    if arguments.most is not None:
        found = found.select(first_pictures(found.person, arguments.most))
    return found


def check_report(arguments: argparse.Namespace) -> None:
    """Check that neither the page nor the JSON of the report overwrites an input.

    Raises
    ------
    InvalidInput
        If one does.
    """
    names = ("table", "set", "people", "pairs")
    inputs = [getattr(arguments, name, None) for name in names]
    for path in (arguments.report, arguments.report.with_suffix(".json")):
        options.check_output(path, inputs)


def show(
    studies: Mapping[str, Study],
    arguments: argparse.Namespace,
    reliability: Any = None,
    populations: Sequence[Kept] = (),
) -> None:
    """Print the results of comparisons, and write the report that the options ask for."""
    from renzheng.apps.reports.evaluation import comparisons
    from renzheng.apps.reports.evaluation.comparisons import tables
    from renzheng.apps.reports.evaluation.tables import problem_table

    command = terminal.command_line()
    if arguments.report is not None:
        comparisons.save(
            studies,
            arguments.report,
            command=command,
            show_faces=arguments.show_faces,
            reliability=reliability,
            populations=populations,
            max_fmr=arguments.max_fmr,
        )
    if arguments.json:
        found = comparisons.to_dict(
            studies, command=command, reliability=reliability, populations=populations
        )
        options.print_json(found)
        return
    shown: list[Table] = []
    if len(studies) > 1:
        shown.append(tables.channels(studies, arguments.max_fmr))
    else:
        (study,) = studies.values()
        shown += [table for table in tables.of_study(study) if "by fold" not in table.title]
        problems = problem_table(study.problems, max_rows=10)
        if problems is not None:
            shown.append(problems)
    if populations:
        shown.append(tables.populations(populations))
    if reliability is not None:
        shown.append(tables.likelihood_ratios(reliability))
    for table in shown:
        terminal.print_table(table)
    _show_limits(next(iter(studies.values())), arguments)


def show_by(report: Any, study: Any, arguments: argparse.Namespace) -> None:
    """Print a study, and write the report that the options ask for.

    Parameters
    ----------
    report
        The module of `renzheng.apps.reports.evaluation` for studies of this kind.
    study
        The results.
    arguments
        The options ``--report`` and ``--json``.
    """
    command = terminal.command_line()
    if arguments.report is not None:
        report.save(study, arguments.report, command=command)
    if arguments.json:
        options.print_json(report.to_dict(study, command=command))
        return
    for table in report.of_study(study, max_problems=10):
        terminal.print_table(table)
    _show_limits(study, arguments)


def _show_limits(study: Any, arguments: argparse.Namespace) -> None:
    for limit in study.provenance["limits"]:
        print(f"limit: {limit}")
    if arguments.report is not None:
        print(f"report: {arguments.report}, {arguments.report.with_suffix('.json')}")
