"""What the commands that measure share: the evaluator, its progress, and its tables."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import loading, options

if TYPE_CHECKING:
    from renzheng.apps.reports.evaluation.tables import Table
    from renzheng.datasets.types import People
    from renzheng.evaluation.comparisons.evaluator import Evaluator
    from renzheng.evaluation.comparisons.populations import Kept
    from renzheng.evaluation.comparisons.study import Study


def add_embedding(parser: argparse.ArgumentParser) -> None:
    """How pictures become embeddings: by how many processes, and where these are kept."""
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that embed (default: one a core)",
    )
    cache = parser.add_mutually_exclusive_group()
    cache.add_argument(
        "--cache",
        type=Path,
        metavar="FILE",
        help="where embeddings are kept, readable by you only (default: in the user's cache)",
    )
    cache.add_argument("--no-cache", action="store_true", help="keep no embeddings")


@contextmanager
def evaluator(arguments: argparse.Namespace) -> Iterator[Evaluator]:
    """The evaluator that the options ask for, with its progress shown."""
    from renzheng.errors import InvalidInput
    from renzheng.evaluation.cache import default_path
    from renzheng.evaluation.comparisons.evaluator import Evaluator, Settings

    workers = options.workers(arguments)
    for name, fewest in (("draws", 0), ("most", 1), ("enrol", 1)):
        value = getattr(arguments, name, None)
        if value is not None and value < fewest:
            raise InvalidInput(f"--{name} must be {fewest} or more, not {value}")
    if not 0 < arguments.max_fmr < 1:
        raise InvalidInput(f"--max-fmr must lie between 0 and 1, not {arguments.max_fmr:g}")
    if arguments.report is not None:
        from renzheng.apps.reports import evaluation

        evaluation.check(arguments.report)
        check_report(arguments)
    arguments.threads = None
    verifier = loading.verifier(arguments)
    settings = Settings(
        aligned=None if arguments.aligned == "no" else arguments.aligned,
        channel=arguments.channel,
        seed=arguments.seed,
        cache=None if arguments.no_cache else arguments.cache or default_path(),
        workers=workers,
        draws=arguments.draws,
        max_fmr=arguments.max_fmr,
    )
    with progress() as tell:
        try:
            yield Evaluator(verifier, settings, tell)
        except KeyboardInterrupt:
            if settings.cache is not None:
                print(
                    "renzheng: what is embedded is kept; the same command goes on from here",
                    file=sys.stderr,
                )
            raise


def read_people(arguments: argparse.Namespace) -> People:
    """The people that ``PEOPLE``, ``--root`` and ``--most`` name: a folder or a table."""
    from renzheng.datasets import people, table
    from renzheng.evaluation.searches.enrolment import first_pictures

    if arguments.people.is_dir():
        found = people.read(arguments.people)
    else:
        found = table.read_people(arguments.people, arguments.root)
    if arguments.most is not None:
        found = found.select(first_pictures(found.person, arguments.most))
    return found


def check_report(arguments: argparse.Namespace) -> None:
    """Make sure that neither page nor JSON of the report lies where the data are read.

    Raises
    ------
    InvalidInput
        If one does.
    """
    named = ("table", "set", "people", "pairs")
    inputs = [getattr(arguments, name, None) for name in named]
    for path in (arguments.report, arguments.report.with_suffix(".json")):
        options.check_output(path, inputs)


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Bars where a person looks, a line now and then elsewhere."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            Task,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        class Rate(ProgressColumn):
            def render(self, task: Task) -> Text:
                return Text("" if task.speed is None else f"{task.speed:.1f}/s")

        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        ) as bars:
            tasks: dict[str, Any] = {}

            def show(what: str, done: int, whole: int) -> None:
                if what not in tasks:
                    # What was done before says nothing about the rate.
                    tasks[what] = bars.add_task(what, total=whole, completed=done)
                bars.update(tasks[what], completed=done, total=whole)

            yield show
        return
    last = time.monotonic()
    begun: dict[str, tuple[float, int]] = {}  # when, and how many were done before
    latest: dict[str, int] = {}

    def tell(what: str, done: int, whole: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done < latest.get(what, 0):
            del begun[what]  # the same step anew, for the next channel
        latest[what] = done
        start, before = begun.setdefault(what, (now, done))
        if now - last >= 15:
            last = now
            told = f"renzheng: {what}: {done} of {whole}"
            if done > before and now > start:
                rate = (done - before) / (now - start)
                told += f", {rate:.1f}/s, {(whole - done) / rate / 60:.0f} min left"
            print(told, file=sys.stderr, flush=True)

    yield tell


def show(
    studies: Mapping[str, Study],
    arguments: argparse.Namespace,
    reliability: Any = None,
    populations: Sequence[Kept] = (),
) -> None:
    """Print what came out, and write the report that the options ask for."""
    from renzheng.apps.reports import evaluation
    from renzheng.apps.reports.evaluation import tables

    made_by = command()
    if arguments.report is not None:
        evaluation.save(
            studies,
            arguments.report,
            command=made_by,
            show_faces=arguments.show_faces,
            reliability=reliability,
            populations=populations,
            max_fmr=arguments.max_fmr,
        )
    if arguments.json:
        found = evaluation.to_dict(
            studies, command=made_by, reliability=reliability, populations=populations
        )
        options.print_json(found)
        return
    shown: list[Table] = []
    if len(studies) > 1:
        shown.append(tables.channels(studies, arguments.max_fmr))
    else:
        (study,) = studies.values()
        shown += [table for table in tables.of_study(study) if "by fold" not in table.title]
        problems = tables.problems(study, most=10)
        if problems is not None:
            shown.append(problems)
    if populations:
        shown.append(tables.populations(populations))
    if reliability is not None:
        shown.append(tables.likelihood_ratios(reliability))
    for table in shown:
        print_table(table)
    first = next(iter(studies.values()))
    for limit in first.provenance["limits"]:
        print(f"limit: {limit}")
    if arguments.report is not None:
        print(f"report: {arguments.report}, {arguments.report.with_suffix('.json')}")


def print_table(table: Table) -> None:
    """One table on standard output."""
    from rich import box
    from rich.console import Console
    from rich.table import Column
    from rich.table import Table as Drawn
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=180)
    drawn = Drawn(
        *(Column(Text(column)) for column in table.columns),
        title=Text(table.title, style="bold"),
        title_justify="left",
        caption=Text(table.note) if table.note else None,
        caption_justify="left",
        show_header=any(table.columns),
        box=box.SIMPLE_HEAD,
    )
    for row in table.rows:
        drawn.add_row(*(Text(cell) for cell in row))
    console.print(drawn)


def command() -> str:
    """The command line as typed, for reports."""
    return shlex.join(["renzheng", *sys.argv[1:]])
