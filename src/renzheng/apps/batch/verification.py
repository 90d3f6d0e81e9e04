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
    """A complete run, for a report.

    Attributes
    ----------
    pairs
        The table.
    summary
        The results in numbers.
    answers
        A function that yields the answer of each row, in order.
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
        `renzheng.apps.batch.columns`. The file appears under its name once it is complete.
    verifier
        The verifier, with its packs, policy and roles.
    prefix
        The prefix of the added columns' names, where the table has such names itself.
    workers
        The number of processes; the results are the same whatever it is.
    begin
        The choice about an earlier run that was killed. A continued run ends with the same file
        as one that was never interrupted: each picture counts as it was when it was read.
    tell
        Called with the number of pictures and of rows that are done.
    report
        Called with the complete run before the unfinished work is removed.
    engine
        The function that does the rows: `renzheng.apps.batch.run.run`, or another with its
        parameters.

    Raises
    ------
    InvalidInput
        If names clash, the policy cannot be kept, or as `renzheng.apps.batch.store.Store` does.
    RenzhengError
        If something cannot be written. Finished rows are kept.
    """
    outputs.check(output, KINDS)
    verifier.check_policy()
    added = steps.columns(liveness=verifier.liveness is not None)
    names = [prefix + name for name in added]
    clash = [name for name in names if name in pairs.columns]
    if clash:
        raise InvalidInput(
            f"the table already has columns with names of results: {', '.join(clash)}",
            remedy="put a prefix before the names of the results, e.g. --prefix face_",
        )
    roles = (str(verifier.roles[0]), str(verifier.roles[1]))
    plan = run.Plan(pairs, roles)
    fixed = {
        **conditions(verifier),
        "table": pairs.digest,
        "columns": f"{pairs.columns[pairs.reference]},{pairs.columns[pairs.probe]}",
        "root": str(pairs.root),
        "prefix": prefix,
    }
    header = [*pairs.columns, *names]
    if begin is not Begin.RESTART and not place(output).exists():
        outputs.check_partial(output)
    with Store(output, fixed, begin) as store:

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
            outputs.write_csv(output, _with_header(header, rows()))
        else:
            metadata = {f"renzheng.{name}": value for name, value in conditions(verifier).items()}
            outputs.write_parquet(output, pairs.columns, added, prefix, rows(), metadata)
        if report is not None:
            report(Done(pairs, summary, answers))
        if partial is not None:
            partial.remove()
        store.finish()
    return summary


def _with_header(header: list[str], rows: Iterator[list[Cell]]) -> Iterator[list[Any]]:
    yield header
    yield from rows
