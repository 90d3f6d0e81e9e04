"""Terminal output: progress, tables and the command line as typed."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from renzheng.apps.reports.evaluation.tables import Table

_REPORT_EVERY = 15.0  # seconds between two lines of progress


@contextmanager
def progress() -> Iterator[Callable[[str, int, int], None]]:
    """Show progress on standard error: bars on a terminal, an occasional line elsewhere."""
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
                    # Work done in an earlier run says nothing about the rate.
                    tasks[what] = bars.add_task(what, total=whole, completed=done)
                bars.update(tasks[what], completed=done, total=whole)

            yield show
        return
    last = time.monotonic()
    begun: dict[str, tuple[float, int]] = {}  # start time, and how many were done by then
    latest: dict[str, int] = {}

    def tell(what: str, done: int, whole: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done < latest.get(what, 0):
            del begun[what]  # the same step again, for the next set
        latest[what] = done
        start, before = begun.setdefault(what, (now, done))
        if now - last >= _REPORT_EVERY:
            last = now
            line = f"renzheng: {what}: {done} of {whole}"
            if done > before and now > start:
                rate = (done - before) / (now - start)
                line += f", {rate:.1f}/s, {(whole - done) / rate / 60:.0f} min left"
            print(line, file=sys.stderr, flush=True)

    yield tell


@contextmanager
def explain_interrupt(message: Callable[[], str]) -> Iterator[None]:
    """Print a message on standard error if an interrupt (Ctrl-C) ends the block.

    Parameters
    ----------
    message
        A function that returns the message; an empty one is not printed.
    """
    try:
        yield
    except KeyboardInterrupt:
        text = message()
        if text:
            print(f"renzheng: {text}", file=sys.stderr)
        raise


def print_table(table: Table) -> None:
    """Print one table on standard output."""
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


def command_line() -> str:
    """Return the command line as typed, for reports."""
    return shlex.join(["renzheng", *sys.argv[1:]])
