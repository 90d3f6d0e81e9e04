"""``batch``: a table of pairs in, a table of decisions out."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, engines, options, policies
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.apps.batch import Begin, Summary
    from renzheng.apps.batch.pairs import Pairs

_NOT_COMPARABLE = EXIT_CODES["not_comparable"]
_MOST_REASONS = 20  # on a terminal

_DESCRIPTION = """\
Verify every pair of a table. Two columns name the pictures, relative to the table's folder; every
other column is carried through as it is. Each picture is worked on once, however many pairs it is
part of. What cannot be compared is a row with its reason.

Columns added: decision, reason, distance, similarity, fmr, fmr_at_most, llr, same_picture, liveness
(if asked), reference_error, probe_error, warnings (side.code, joined by ;).
"""
_EPILOG = """\
The output has its name once it is complete. Until then OUTPUT.unfinished beside it, readable by you
only, holds what is done and the templates of faces that later rows need; for .csv OUTPUT.partial
shows the rows so far. A run that was interrupted or killed goes on with --resume and ends with the
same file as one that was not. Each picture counts as it was when it was first read.

exit codes: 0 done and every row was compared, whatever was decided, 2 usage, 4 done but at least
one row could not be compared, 5 the command failed, 130 interrupted
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "batch",
        help="verify every pair of a table",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        help="where relative paths start (default: the table's folder)",
    )
    parser.add_argument(
        "--prefix",
        default="",
        metavar="WORD",
        help="begin the added columns' names with this, where the table has such names itself",
    )
    add_running(parser)
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


def add_running(parser: argparse.ArgumentParser) -> None:
    """Options of commands that work for long and can be continued."""
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes of about one core each; the results are the same (default: one a core)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with a run that was interrupted or killed"
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="begin anew: throw unfinished work away, and replace the output",
    )
    engines.add(parser)


def begin(arguments: argparse.Namespace) -> Begin:
    """What the options say about earlier work.

    Raises
    ------
    InvalidInput
        If they contradict each other.
    """
    from renzheng.apps.batch import Begin

    if arguments.resume and arguments.restart:
        raise InvalidInput("--resume and --restart contradict each other")
    if arguments.restart:
        return Begin.RESTART
    return Begin.RESUME if arguments.resume else Begin.NEW


def interrupted(output: Path) -> None:
    """Say how to go on."""
    from renzheng.apps.batch import store

    if store.place(output).exists():
        print(
            "renzheng: what is done is kept; the same command with --resume goes on from here",
            file=sys.stderr,
        )


def _batch(arguments: argparse.Namespace) -> int:
    engine = engines.chosen(arguments, [arguments.table, arguments.out, arguments.root])
    with engines.output(arguments):
        return _verify(arguments, engine)


def _verify(arguments: argparse.Namespace, engine: engines.Engine) -> int:
    from renzheng.apps import batch
    from renzheng.apps.batch import outputs, store, verification
    from renzheng.apps.cli import terminal
    from renzheng.apps.reports import batch as page
    from renzheng.apps.reports.pages import check

    names = tuple(name.strip() for name in arguments.columns.split(","))
    if len(names) != 2:
        raise InvalidInput(
            f"--columns names two columns, not {arguments.columns!r}", remedy="e.g. passport,selfie"
        )
    start, processes = begin(arguments), options.workers(arguments)
    outputs.check(arguments.out, verification.KINDS)
    beside = [arguments.out, store.place(arguments.out), outputs.partial(arguments.out)]
    for path in beside:
        options.check_output(path, [arguments.table])
    if arguments.report is not None:
        check(arguments.report)
        options.check_output(arguments.report, [arguments.table, *beside])
        if os.path.realpath(arguments.report) in map(os.path.realpath, beside):
            raise InvalidInput("-o and --report name one file", source=str(arguments.report))
    elif arguments.report_pictures:
        raise InvalidInput("--report-pictures needs --report")
    table = engine.read(arguments.table, (names[0], names[1]), arguments.root)
    _check_pictures([*beside, *([arguments.report] if arguments.report else [])], table)
    verifier = policies.load_verifier(arguments)

    def report(done: verification.Done) -> None:
        if arguments.report is not None:
            page.save(
                done,
                arguments.report,
                verifier,
                command=terminal.command_line(),
                pictures=arguments.report_pictures,
            )

    try:
        with terminal.progress() as tell:
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
    except KeyboardInterrupt:
        interrupted(arguments.out)
        raise
    if arguments.json:
        options.print_json({"command": terminal.command_line(), **found.to_dict()})
    else:
        _show(found, arguments)
    return _NOT_COMPARABLE if found.decisions["not_comparable"] else 0


def _check_pictures(written: list[Path], table: Pairs) -> None:
    """See that nothing that is written is a picture of the table, by its name.

    A file system need not be asked for every picture: none of what is written is named as one.
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
    if found.failures:
        print("not comparable by reason, of which a row may have several:")
        for reason, count in list(found.failures.items())[:_MOST_REASONS]:
            print(f"  {reason:<32}{count:>9,}")
    if found.changed:
        print(
            f"{found.changed:,} pictures are not what they were when they were read; their rows "
            "tell what was read (--restart does all again)"
        )
    if arguments.report is not None:
        print(f"report      {arguments.report}")
