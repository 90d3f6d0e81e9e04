"""``duplicates``: find duplicates and near-duplicates in a collection of pictures."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, options, terminal

if TYPE_CHECKING:
    from renzheng.images.duplicates import Duplicates, Group

_NOT_COMPARABLE = EXIT_CODES["not_comparable"]
_MAX_GROUPS = 20  # on a terminal
_MAX_MEMBERS = 5

_DESCRIPTION = """\
Find duplicates (the same bytes), other versions of the same picture (coded, scaled or toned
differently) and near-duplicates (cropped, mirrored, framed, written over). Nothing is deleted or
moved.

Every group has a best picture (most pixels, then most bytes for them, then the oldest, then the
shortest path), and every other picture of the group matches that one directly: hashes propose
candidates, and local features in one geometry decide. No chain of matches joins unrelated pictures.
"""
_EPILOG = """\
Results are kept in a store, readable by you only, some 35 KiB per picture: an interrupted run
continues where it stopped, and a second run computes only new and changed pictures. The store holds
paths and hashes.

exit codes: 0 done, whether there are duplicates or not, 2 usage, 4 done but at least one file or
folder could not be read, 5 the command failed, 130 interrupted
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    parser = options.add_command(
        commands,
        "duplicates",
        "find duplicates and near-duplicates in folders of pictures",
        _DESCRIPTION,
        _EPILOG,
    )
    parser.add_argument("sources", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="text file of pictures or folders, one per line, relative to the file's own folder",
    )
    parser.add_argument("--hidden", action="store_true", help="include names that begin with a dot")
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="write a page with small pictures of the groups; it loads nothing from elsewhere",
    )
    parser.add_argument(
        "--most-groups",
        type=int,
        default=200,
        metavar="N",
        help="most groups to show on the page (default: %(default)s)",
    )
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="write a list of the files with the same bytes as another, as .csv or .json; nothing "
        "is deleted",
    )
    options.add_workers(parser)
    parser.add_argument("--store", type=Path, metavar="FILE", help="file of the store")
    parser.add_argument("--no-store", action="store_true", help="keep no results")
    options.add_json(parser)
    parser.set_defaults(run=_duplicates)


def _duplicates(arguments: argparse.Namespace) -> int:
    from renzheng.apps.reports import duplicates as duplicates_report
    from renzheng.images import duplicates, file_list
    from renzheng.images.duplicates import plan
    from renzheng.images.duplicates.store import default_path

    _check(arguments)
    listed = [] if arguments.list is None else file_list.read_list(arguments.list)
    for path in (arguments.report, arguments.plan):
        options.check_output(path, [*arguments.sources, *listed, arguments.list])
    path = None if arguments.no_store else arguments.store or default_path()
    message = (
        "" if path is None else "results so far are kept; the same command continues from here"
    )
    with (
        terminal.explain_interrupt(lambda: message),
        terminal.progress() as tell,
        duplicates.Store(path) as store,
    ):
        found = duplicates.find(
            arguments.sources,
            listed=listed,
            store=store,
            workers=options.workers(arguments),
            hidden=arguments.hidden,
            progress=tell,
        )
    for path in (arguments.report, arguments.plan):
        # A link may lead to a picture under another name.
        options.check_output(path, found.files)
    if arguments.report is not None:
        duplicates_report.save(
            found,
            arguments.report,
            command=terminal.command_line(),
            max_groups=arguments.most_groups,
        )
    if arguments.plan is not None:
        plan.save(found, arguments.plan)
    if arguments.json:
        options.print_json({"command": terminal.command_line(), **found.to_dict()})
    else:
        _show(found, arguments)
    return _NOT_COMPARABLE if found.unread else 0


def _check(arguments: argparse.Namespace) -> None:
    """Check, before any work, all that would make the command fail after it."""
    from renzheng.apps.reports.pages import check
    from renzheng.errors import InvalidInput
    from renzheng.images.duplicates import plan

    if not arguments.sources and arguments.list is None:
        raise InvalidInput("no folder is given", remedy="name one, or a list with --list")
    options.workers(arguments)
    if arguments.most_groups < 0:
        raise InvalidInput(f"--most-groups must be 0 or more, not {arguments.most_groups}")
    if arguments.no_store and arguments.store is not None:
        raise InvalidInput("--store and --no-store exclude each other")
    if arguments.report is not None:
        check(arguments.report)
    if arguments.plan is not None:
        plan.check(arguments.plan)
        options.check_output(arguments.plan, [arguments.report, arguments.store])
    if arguments.report is not None:
        options.check_output(arguments.report, [arguments.store])
    outputs = {"--report": arguments.report, "--plan": arguments.plan, "--store": arguments.store}
    taken: dict[str, str] = {}
    for option, path in outputs.items():
        if path is not None:  # none of the files need exist yet
            first = taken.setdefault(os.path.realpath(path), option)
            if first != option:
                raise InvalidInput(f"{first} and {option} name the same file", source=str(path))


def _show(found: Duplicates, arguments: argparse.Namespace) -> None:
    from renzheng.images.duplicates.results import name, sized

    for group in found.groups[:_MAX_GROUPS]:
        print("\n".join(_lines(group)))
    more = len(found.groups) - _MAX_GROUPS
    if more > 0:
        print(f"... and {more} more groups: --json, --report or --plan show them")
    if found.groups:
        print()
    counts = found.counts()
    kinds = ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in counts.items())
    print(f"pictures    {found.pictures}, {found.contents} of them different byte by byte")
    print(f"groups      {len(found.groups)} ({kinds})")
    print(f"removable   {found.removable} files, {sized(found.frees)}; nothing was removed")
    if found.plain:
        print(f"plain       {found.plain} pictures of one colour, compared by their bytes only")
    if found.skipped:
        kinds = "; ".join(f"{count} {what}" for what, count in found.skipped.items())
        print(f"passed over {kinds}")
    if found.dropped:
        print(f"not compared {found.dropped} candidates, too many for one picture")
    if found.unread:
        print(f"unreadable  {len(found.unread)}:")
        for unread in found.unread[:_MAX_GROUPS]:
            print(f"  {name(unread.path)}: {unread.reason}")
        if len(found.unread) > _MAX_GROUPS:
            print(f"  ... and {len(found.unread) - _MAX_GROUPS} more: --json shows them")
    for what, path in (("report", arguments.report), ("plan", arguments.plan)):
        if path is not None:
            print(f"{what:<12}{name(path)}")


def _lines(group: Group) -> list[str]:
    from renzheng.images.duplicates.results import name, sized

    lines = [
        f"{group.kind.value.replace('_', ' ')}, {sized(group.frees)}",
        f"  keep  {name(group.keep.path)}  ({group.why})",
    ]
    for member in group.members[:_MAX_MEMBERS]:
        lines.append(f"        {name(member.item.path)}  ({member.reason})")
    more = len(group.members) - _MAX_MEMBERS
    if more > 0:
        lines.append(f"        ... and {more} more")
    return lines
