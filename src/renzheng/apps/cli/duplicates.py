"""``duplicates``: which pictures of a collection are there twice?"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, options

if TYPE_CHECKING:
    from renzheng.images.duplicates import Duplicates, Group

_NOT_COMPARABLE = EXIT_CODES["not_comparable"]
_MOST_GROUPS = 20  # on a terminal
_MOST_MEMBERS = 5

_DESCRIPTION = """\
Find the pictures that are there twice: the same bytes; the same picture, coded, scaled or toned
anew; and near-duplicates: cropped, mirrored, framed, written over. Nothing is deleted or moved.

Every group has a best picture (most pixels, then most bytes for them, then the oldest, then the
shortest path), with which every other one of the group agrees by itself: hashes propose, local
features on one geometry decide, and no chain joins strangers.
"""
_EPILOG = """\
What is computed is kept in a store, readable by you only, some 35 KiB a picture: an interrupted
run goes on where it stopped, and a second one computes only what is new or was changed. The store
holds paths and hashes.

exit codes: 0 done, whether there are duplicates or not, 2 usage, 4 done but at least one file or
folder could not be read, 5 the command failed, 130 interrupted
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    parser = commands.add_parser(
        "duplicates",
        help="which pictures of a folder are there twice?",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sources", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="a text file that names pictures or folders, one a line, from its own folder on",
    )
    parser.add_argument(
        "--hidden", action="store_true", help="look at names that begin with a dot, too"
    )
    parser.add_argument(
        "--report",
        type=Path,
        metavar="FILE.html",
        help="write a page with small pictures of the groups; it loads nothing",
    )
    parser.add_argument(
        "--most-groups",
        type=int,
        default=200,
        metavar="N",
        help="groups that the page shows (default: %(default)s)",
    )
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="write which files have the same bytes as another, as .csv or .json: a list for you, "
        "nothing is done",
    )
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--store", type=Path, metavar="FILE", help="where to keep what is computed")
    parser.add_argument(
        "--no-store", action="store_true", help="keep nothing when the command is over"
    )
    options.add_json(parser)
    parser.set_defaults(run=_duplicates)


def _duplicates(arguments: argparse.Namespace) -> int:
    from renzheng.apps.cli import terminal
    from renzheng.apps.reports import duplicates as page
    from renzheng.images import duplicates, file_list
    from renzheng.images.duplicates import plan
    from renzheng.images.duplicates.store import default_path

    _check(arguments)
    listed = [] if arguments.list is None else file_list.read_list(arguments.list)
    for path in (arguments.report, arguments.plan):
        options.check_output(path, [*arguments.sources, *listed, arguments.list])
    path = None if arguments.no_store else arguments.store or default_path()
    try:
        with terminal.progress() as tell, duplicates.Store(path) as store:
            found = duplicates.find(
                arguments.sources,
                listed=listed,
                store=store,
                workers=options.workers(arguments),
                hidden=arguments.hidden,
                progress=tell,
            )
    except KeyboardInterrupt:
        if path is not None:
            print(
                "renzheng: what is computed is kept; the same command goes on from here",
                file=sys.stderr,
            )
        raise
    for path in (arguments.report, arguments.plan):
        # A picture may be read under another name than its own, through a link.
        options.check_output(path, found.files)
    if arguments.report is not None:
        page.save(
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
    """Refuse before any work what would fail after it."""
    from renzheng.apps.reports.pages import check
    from renzheng.errors import InvalidInput
    from renzheng.images.duplicates import plan

    if not arguments.sources and arguments.list is None:
        raise InvalidInput("no folder is named", remedy="name one, or a list with --list")
    options.workers(arguments)
    if arguments.most_groups < 0:
        raise InvalidInput(f"--most-groups must be 0 or more, not {arguments.most_groups}")
    if arguments.no_store and arguments.store is not None:
        raise InvalidInput("--store and --no-store contradict each other")
    if arguments.report is not None:
        check(arguments.report)
    if arguments.plan is not None:
        plan.check(arguments.plan)
        options.check_output(arguments.plan, [arguments.report, arguments.store])
    if arguments.report is not None:
        options.check_output(arguments.report, [arguments.store])
    named = {"--report": arguments.report, "--plan": arguments.plan, "--store": arguments.store}
    places: dict[str, str] = {}
    for option, path in named.items():
        if path is not None:  # before there is any of them
            first = places.setdefault(os.path.realpath(path), option)
            if first != option:
                raise InvalidInput(f"{first} and {option} name one file", source=str(path))


def _show(found: Duplicates, arguments: argparse.Namespace) -> None:
    from renzheng.images.duplicates.results import name, sized

    for group in found.groups[:_MOST_GROUPS]:
        print("\n".join(_lines(group)))
    more = len(found.groups) - _MOST_GROUPS
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
        print(f"plain       {found.plain} pictures of one colour, told by their bytes only")
    if found.skipped:
        words = "; ".join(f"{count} {what}" for what, count in found.skipped.items())
        print(f"passed over {words}")
    if found.dropped:
        print(f"not looked at {found.dropped} candidates, being too many for one picture")
    if found.unread:
        print(f"unreadable  {len(found.unread)}:")
        for unread in found.unread[:_MOST_GROUPS]:
            print(f"  {name(unread.path)}: {unread.reason}")
        if len(found.unread) > _MOST_GROUPS:
            print(f"  ... and {len(found.unread) - _MOST_GROUPS} more: --json shows them")
    for what, path in (("report", arguments.report), ("plan", arguments.plan)):
        if path is not None:
            print(f"{what:<12}{name(path)}")


def _lines(group: Group) -> list[str]:
    from renzheng.images.duplicates.results import name, sized

    lines = [
        f"{group.kind.value.replace('_', ' ')}, {sized(group.frees)}",
        f"  keep  {name(group.keep.path)}  ({group.why})",
    ]
    for member in group.members[:_MOST_MEMBERS]:
        lines.append(f"        {name(member.item.path)}  ({member.reason})")
    more = len(group.members) - _MOST_MEMBERS
    if more > 0:
        lines.append(f"        ... and {more} more")
    return lines
