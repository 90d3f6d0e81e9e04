"""``gallery add`` and ``remove``: enrol people and remove entries."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import EXIT_CODES, options, terminal
from renzheng.apps.cli.gallery import gallery_options
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.gallery.enrolment_lists import EnrolmentList

_ADD = """\
WHAT is a picture; a folder with pictures named after people, or with one folder for each person; or
a CSV table with the column picture and optionally id and person: every other column is metadata.

Pictures without a face, or for which the false match rate would not hold (cut at the edge, too
little of a face ...), are not enrolled; they are listed, and the command ends with exit code 4. Ids
that exist already are skipped, so an interrupted run continues where it stopped. Entries that are
counted as enrolled are kept, whatever happens.
"""


_REMOVE_CODES = (
    "exit codes: 0 all are removed, 2 usage, 4 some were not there, 5 the command failed"
)


def register(actions: Any) -> None:
    """Add the actions of this module."""
    _add_add(actions)
    _add_remove(actions)


def _add_add(actions: Any) -> None:
    add = gallery_options.add_action(
        actions, "add", "enrol a picture, a folder of people, or a table", _add, _ADD
    )
    add.add_argument("what", type=Path, nargs="+", metavar="WHAT")
    add.add_argument("--id", help="id of a single picture (default: its name without the suffix)")
    add.add_argument("--person", help="the person it shows (default: the id)")
    add.add_argument(
        "--set",
        dest="metadata",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="metadata of every picture; repeatable. Numbers, true and false are kept as such",
    )
    options.add_root(add)
    add.add_argument(
        "--most", type=int, metavar="N", help="use at most N pictures of each person in a folder"
    )
    gallery_options.add_role(add)
    add.add_argument(
        "--replace", action="store_true", help="replace entries that have the same ids"
    )
    add.add_argument(
        "--accept-doubtful",
        action="store_true",
        help="enrol doubtful pictures too (cut at the edge ...); the rates may not hold for them",
    )
    options.add_workers(add, "processes that embed")
    options.add_json(add)


def _add_remove(actions: Any) -> None:
    remove = gallery_options.add_action(
        actions, "remove", "remove entries, and their bytes", _remove, codes=_REMOVE_CODES
    )
    remove.add_argument("ids", nargs="*", metavar="ID")
    gallery_options.add_where(remove)
    remove.add_argument("--dry-run", action="store_true", help="only show what would be removed")
    options.add_json(remove)


def _add(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import enrol
    from renzheng.types import Role

    workers = options.workers(arguments)
    gallery_options.check_positive(arguments, "most")
    to_enrol = _enrolment_list(arguments)
    for problem in to_enrol.problems:
        print(f"renzheng: {problem}", file=sys.stderr)
    gallery = gallery_options.open_gallery(arguments)
    enrolled: list[str] = []
    known: list[str] = []
    failed: dict[str, str] = {}
    warned: dict[str, list[str]] = {}

    def message() -> str:
        return f"{len(enrolled)} are enrolled; the same command continues from here"

    with terminal.explain_interrupt(message), terminal.progress() as tell:
        outcomes = enrol(
            gallery,
            to_enrol.enrolments,
            role=Role(arguments.role),
            accept_doubtful=arguments.accept_doubtful,
            replace=arguments.replace,
            workers=workers,
        )
        for done, outcome in enumerate(outcomes, 1):
            if outcome.entry is not None:
                enrolled.append(outcome.id)
            elif outcome.known:
                known.append(outcome.id)
            else:
                failed[outcome.id] = f"{outcome.source}: {outcome.reason}"
            if outcome.warnings:
                warned[outcome.id] = list(outcome.warnings)
            tell("enrolling", done, len(to_enrol.enrolments))
    if len(enrolled) > 10_000:
        gallery.optimize()
    if arguments.json:
        options.print_json(
            {
                "enrolled": enrolled,
                "known": known,
                "failed": failed,
                "warnings": warned,
                "problems": list(to_enrol.problems),
                "entries": len(gallery),
            }
        )
    else:
        _show_added(enrolled, known, failed, warned, len(gallery))
    return EXIT_CODES["not_comparable"] if failed or to_enrol.problems else 0


def _show_added(
    enrolled: list[str],
    known: list[str],
    failed: dict[str, str],
    warned: dict[str, list[str]],
    entries: int,
) -> None:
    for line in failed.values():
        print(f"renzheng: not enrolled: {line}", file=sys.stderr)
    if len(enrolled) == 1:
        for warning in warned.get(enrolled[0], []):
            print(f"renzheng: {enrolled[0]}: {warning}", file=sys.stderr)
    elif warned:
        print(f"renzheng: {len(warned)} with warnings (--json shows them)", file=sys.stderr)
    counts = [f"{len(enrolled):,} enrolled"]
    if known:
        counts.append(f"{len(known):,} there before")
    if failed:
        counts.append(f"{len(failed):,} failed")
    print(f"{', '.join(counts)}; the gallery holds {entries:,}")


def _enrolment_list(arguments: argparse.Namespace) -> EnrolmentList:
    """Return the people to enrol, by the kind of WHAT."""
    from dataclasses import replace

    from renzheng.gallery import Enrolment
    from renzheng.gallery.conditions import parse_value
    from renzheng.gallery.enrolment_lists import EnrolmentList, read_folder, read_table

    parts: list[EnrolmentList] = []
    for what in arguments.what:
        if what.is_dir():
            parts.append(read_folder(what, arguments.most))
        elif what.suffix.lower() in (".csv", ".tsv"):
            parts.append(read_table(what, arguments.root))
        else:
            parts.append(EnrolmentList((Enrolment(id=what.stem, picture=what),)))
    several = len(arguments.what) > 1 or arguments.what[0].is_dir() or len(parts[0].enrolments) > 1
    if arguments.id is not None:
        if several:
            raise InvalidInput("--id is for one picture, and there are several")
        parts = [EnrolmentList((replace(parts[0].enrolments[0], id=arguments.id),))]
    people = {each.person for part in parts for each in part.enrolments if each.person}
    if arguments.person is not None and len(people) > 1:
        raise InvalidInput("--person names one person, but these pictures show several")
    texts = gallery_options.pairs(arguments.metadata, "--set")
    metadata = {key: parse_value(value) for key, value in texts.items()}
    found: dict[str, Enrolment] = {}
    problems = [problem for part in parts for problem in part.problems]
    for each in (each for part in parts for each in part.enrolments):
        if each.id in found:
            problems.append(f"{each.picture}: the id {each.id!r} comes twice")
            continue
        found[each.id] = replace(
            each,
            person=arguments.person or each.person,
            metadata={**each.metadata, **metadata},
        )
    return EnrolmentList(tuple(found.values()), tuple(problems))


def _remove(arguments: argparse.Namespace) -> int:
    gallery = gallery_options.open_gallery(arguments)
    if bool(arguments.ids) == bool(arguments.where):
        raise InvalidInput("name the entries either by their ids or by conditions with --where")
    ids = arguments.ids or [entry.id for entry in gallery.entries(arguments.where)]
    there = gallery.held(ids)
    missing = [id for id in ids if id not in there]
    code = EXIT_CODES["not_comparable"] if missing else 0
    if not arguments.dry_run:
        gallery.remove(ids)
    if arguments.json:
        options.print_json(
            {
                "removed": [] if arguments.dry_run else sorted(there),
                "would_remove": sorted(there) if arguments.dry_run else [],
                "missing": missing,
                "unpurged": gallery.unpurged,
                "entries": len(gallery),
            }
        )
        return code
    for id in missing:
        print(f"renzheng: the gallery has no entry {id!r}", file=sys.stderr)
    if arguments.dry_run:
        print("\n".join(sorted(there)))
        print(f"{len(there):,} would be removed; nothing was", file=sys.stderr)
        return code
    print(f"{len(there):,} removed; the gallery holds {len(gallery):,}")
    if gallery.unpurged:
        print("their bytes are in its files until `renzheng gallery purge`")
    return code
