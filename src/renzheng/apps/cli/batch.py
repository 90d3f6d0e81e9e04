"""``batch``: verify a table of pairs and write a table of decisions."""

from __future__ import annotations

import argparse
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, engines, options, policies, resumption, terminal
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.apps.batch import Summary
    from renzheng.apps.batch.pairs import Pairs

_NOT_COMPARABLE = EXIT_CODES["not_comparable"]
_MAX_REASONS = 20  # on a terminal

_DESCRIPTION = """\
Verify every pair of a table. Two columns name the pictures, relative to the table's folder; all
other columns are copied unchanged. Each picture is processed once, however many pairs it is part
of. A pair that cannot be compared is a row with its reason.

Columns added: decision, reason, distance, similarity, fmr, fmr_at_most, llr, information (full,
limited, insufficient: then there is no fmr, or unknown), same_picture, liveness (if asked),
reference_error, probe_error, warnings (side.code, joined by ;).
"""
_EPILOG = """\
The output gets its name when it is complete. Until then OUTPUT.unfinished beside it, readable by
you only, holds the work so far and the face templates that later rows need; for .csv,
OUTPUT.partial shows the rows so far. A run that was interrupted or killed continues with --resume
and ends with the same file as an uninterrupted one. Each picture counts as it was when it was first
read.

exit codes: 0 done and every row was compared, whatever was decided, 2 usage, 4 done but at least
one row could not be compared, 5 the command failed, 130 interrupted
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    parser = options.add_command(
        commands, "batch", "verify every pair of a table", _DESCRIPTION, _EPILOG
    )
    parser.add_argument(
        "table", type=engines.place, metavar="PAIRS", help=".csv with a header, or .parquet"
    )
    parser.add_argument(
        "-o", "--out", type=engines.place, required=True, metavar="FILE", help=".csv or .parquet"
    )
    parser.add_argument(
        "--columns",
        default="reference,probe",
        metavar="REFERENCE,PROBE",
        help="the two columns that name the pictures (default: %(default)s)",
    )
    parser.add_argument(
        "--root",
        type=engines.place,
        metavar="FOLDER",
        help="folder that relative paths start from (default: the table's own)",
    )
    parser.add_argument(
        "--prefix",
        default="",
        metavar="WORD",
        help="prefix of the added columns' names, for a table that has such names itself",
    )
    resumption.add(parser)
    parser.add_argument(
        "--report", type=Path, metavar="FILE.html", help="write a page of counts and distances"
    )
    parser.add_argument(
        "--report-pictures",
        action="store_true",
        help="show small pictures of the rows nearest to the threshold on that page",
    )
    policies.add_roles(parser)
    policies.add_policy(parser)
    options.add_pack(parser)
    options.add_detection(parser, threads=False)
    options.add_json(parser)
    parser.set_defaults(run=_batch, threads=1)


def _batch(arguments: argparse.Namespace) -> int:
    engine = engines.choose(arguments, [arguments.table, arguments.out, arguments.root])
    with engines.output(arguments):
        return _verify(arguments, engine)


def _verify(arguments: argparse.Namespace, engine: engines.Engine) -> int:
    from renzheng.apps import batch
    from renzheng.apps.batch import outputs, store, verification
    from renzheng.apps.batch.conditions import conditions
    from renzheng.apps.reports import batch as batch_report
    from renzheng.apps.reports.pages import check

    names = tuple(name.strip() for name in arguments.columns.split(","))
    if len(names) != 2:
        raise InvalidInput(
            f"--columns takes two columns, not {arguments.columns!r}", remedy="e.g. passport,selfie"
        )
    start, processes = resumption.begin(arguments), options.workers(arguments)
    outputs.check(arguments.out, verification.KINDS)
    beside = [arguments.out, store.place(arguments.out), outputs.partial(arguments.out)]
    for path in beside:
        options.check_output(path, [arguments.table])
    if arguments.report is not None:
        check(arguments.report)
        options.check_output(arguments.report, [arguments.table, *beside])
        if os.path.realpath(arguments.report) in map(os.path.realpath, beside):
            raise InvalidInput("-o and --report name the same file", source=str(arguments.report))
    elif arguments.report_pictures:
        raise InvalidInput("--report-pictures needs --report")
    table = engine.read(arguments.table, (names[0], names[1]), arguments.root)
    _check_pictures([*beside, *([arguments.report] if arguments.report else [])], table)
    verifier = policies.load_verifier(arguments)

    def report(done: verification.Done) -> None:
        if arguments.report is not None:
            batch_report.save(
                done,
                arguments.report,
                verifier,
                command=terminal.command_line(),
                pictures=arguments.report_pictures,
            )

    message = partial(resumption.how_to_continue, arguments.out)
    with terminal.explain_interrupt(message), terminal.progress() as tell:
        found = batch.verify_pairs(
            table,
            arguments.out,
            verifier,
            prefix=arguments.prefix,
            workers=processes,
            begin=start,
            tell=tell,
            report=report,
            engine=engine.run,
        )
    if arguments.json:
        used = {"conditions": conditions(verifier)}
        options.print_json({"command": terminal.command_line(), **found.to_dict(), **used})
    else:
        _show(found, arguments)
    return _NOT_COMPARABLE if found.decisions["not_comparable"] else 0


def _check_pictures(written: list[Path], table: Pairs) -> None:
    """Check that no output has the name of a picture in the table.

    Names are compared, and the file system is not asked about each picture.
    """
    names = {os.path.abspath(path) for path in written}  # noqa: PTH100 - links stay
    for row in range(len(table.rows)):
        for each in table.pictures(row, ("photo", "photo")):
            if each.path in names:
                raise InvalidInput(
                    "the output would overwrite an input",
                    source=each.path,
                    remedy="name another file",
                )


def _show(found: Summary, arguments: argparse.Namespace) -> None:
    print(f"{arguments.out}: {found.rows:,} rows, {found.pictures:,} pictures")
    for decision, count in found.decisions.items():
        share = count / found.rows if found.rows else 0
        print(f"  {decision.replace('_', ' '):<16}{count:>9,}  {share:7.2%}")
    shares = found.information
    if shares["limited"] or shares["insufficient"]:
        print("compared, by how much of a face both sides show:")
        for grade, count in shares.items():
            if count:
                print(f"  {grade:<16}{count:>9,}  {count / found.rows:7.2%}")
    if found.failures:
        print("not comparable, by reason (a row may have several):")
        for reason, count in list(found.failures.items())[:_MAX_REASONS]:
            print(f"  {reason:<32}{count:>9,}")
    if found.changed:
        print(
            f"{found.changed:,} pictures have changed since they were read; their rows describe "
            "them as they were (--restart processes everything again)"
        )
    if arguments.report is not None:
        print(f"report      {arguments.report}")
