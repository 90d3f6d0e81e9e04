"""A table of pairs in, a table of decisions out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renzheng.apps.batch import outputs, run, steps
from renzheng.apps.batch.conditions import conditions
from renzheng.apps.batch.outputs import Partial
from renzheng.apps.batch.pairs import Pairs
from renzheng.apps.batch.steps import Answer, Cell
from renzheng.apps.batch.store import Begin, Store, place
from renzheng.apps.batch.summary import Summary, summarise
from renzheng.apps.batch.workers import Tell
from renzheng.errors import InvalidInput
from renzheng.verification.verifier import Verifier

KINDS = (".csv", ".parquet")
Engine = Callable[..., None]


@dataclass(frozen=True, eq=False)
class Done:
    """A complete run, as whoever writes a report sees it.

    Attributes
    ----------
    pairs
        The table.
    summary
        Counts.
    answers
        Calls for the answer of each row, in order.
    """

    pairs: Pairs
    summary: Summary
    answers: Callable[[], Iterator[Answer]]


def verify_pairs(
    pairs: Pairs,
    output: Path,
    verifier: Verifier,
    *,
    prefix: str = "",
    workers: int = 1,
    begin: Begin = Begin.NEW,
    tell: Tell | None = None,
    report: Callable[[Done], Any] | None = None,
    engine: Engine = run.run,
) -> Summary:
    """Verify every pair of a table.

    Parameters
    ----------
    pairs
        The table.
    output
        ``.csv`` or ``.parquet``: the table's columns as they are, then those of
        `renzheng.apps.batch.columns`. It has its name once it is complete.
    verifier
        Whose packs, policy and roles count.
    prefix
        Of the added columns' names, where the table has such names itself.
    workers
        Processes; the results are the same whatever their number.
    begin
        What to do about an earlier run that was killed. A run that goes on ends with the same
        file as one that was never interrupted: each picture counts as it was when it was read.
    tell
        Told how many pictures and how many rows are done.
    report
        Called with what came of it before the unfinished work is removed.
    engine
        What does the rows: `running.run`, or another that is called likewise.

    Raises
    ------
    InvalidInput
        If names clash, the policy cannot be kept, or as of `renzheng.apps.batch.store.Store`.
    RenzhengError
        If something cannot be written. What was done is kept.
    """
    outputs.check(output, KINDS)
    verifier.check_policy()
    answered = steps.columns(liveness=verifier.liveness is not None)
    names = [prefix + name for name in answered]
    clash = [name for name in names if name in pairs.columns]
    if clash:
        raise InvalidInput(
            f"the table has columns of the results' names itself: {', '.join(clash)}",
            remedy="--prefix puts a word before the names of the results, e.g. --prefix face_",
        )
    roles = (str(verifier.roles[0]), str(verifier.roles[1]))
    plan = run.Plan(pairs, roles)
    settled = {
        **conditions(verifier),
        "table": pairs.digest,
        "columns": f"{pairs.columns[pairs.reference]},{pairs.columns[pairs.probe]}",
        "root": str(pairs.root),
        "prefix": prefix,
    }
    header = [*pairs.columns, *names]
    if begin is not Begin.RESTART and not place(output).exists():
        outputs.check_partial(output)
    with Store(output, settled, begin) as store:

        def answers(first: int = 0) -> Iterator[Answer]:
            return (run.decoded(content) for content, _ in store.rows(first))

        def rows(first: int = 0) -> Iterator[list[Cell]]:
            for cells, answer in zip(pairs.rows[first:], answers(first), strict=False):
                yield [*cells, *answer.cells.values()]

        partial = None
        if output.suffix.lower() == ".csv":
            partial = Partial(output, header, rows())
        try:
            engine(
                plan,
                verifier,
                store,
                workers=workers,
                tell=tell,
                wrote=None if partial is None else lambda first: partial.add(rows(first)),
            )
        finally:
            if partial is not None:
                partial.close()
        summary = summarise(answers(), len(plan.pictures), run.changed(plan, store))
        if partial is not None:
            outputs.write_csv(output, _after(header, rows()))
        else:
            metadata = {f"renzheng.{name}": value for name, value in conditions(verifier).items()}
            outputs.write_parquet(output, pairs.columns, answered, prefix, rows(), metadata)
        if report is not None:
            report(Done(pairs, summary, answers))
        if partial is not None:
            partial.remove()
        store.finish()
    return summary


def _after(header: list[str], rows: Iterator[list[Cell]]) -> Iterator[list[Any]]:
    yield header
    yield from rows
