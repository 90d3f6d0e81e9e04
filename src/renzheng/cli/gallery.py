"""``gallery``: who is it? One face against many."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.cli import EXIT_CODES, options, studies
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.gallery import Gallery, Identification, SearchPolicy
    from renzheng.gallery.rosters import Roster

_GALLERY = """\
Keep faces and search among them: one probe against many references.

  renzheng gallery create members
  renzheng gallery add members anna.jpg --set country=CN
  renzheng gallery search members gate.jpg --where country=CN

A false match rate of one comparison says little here: among 10,000 entries a stranger has 10,000
chances to look like somebody. A search is judged by its false positive identification rate (FPIR):
how often somebody who is not in the gallery is taken for somebody who is.

GALLERY is a folder, or an address such as s3://bucket/members that several machines share (its
keys come from the environment as usual, or from --storage). Pictures are not kept, embeddings
are: they are personal data. Needs renzheng[gallery].
"""
_ADD = """\
WHAT is a picture; a folder with pictures named after people, or with one folder for each person; or
a CSV table with the columns picture and, if wanted, id and person: every other column is metadata.

Faces that cannot be found, or whose false match rate would not hold, are not enrolled; they are
named, and the command ends with 4. Ids that are there are passed over, so an interrupted run goes
on where it stopped. What is counted as enrolled is kept, whatever happens.
"""
_SEARCH = """\
Who is it? The nearest entries, with the distance, the false match rate of that one comparison (FMR)
and the false positive identification rate of the whole search (FPIR), and a decision:
identified (FPIR up to --max-fpir), not identified, or inconclusive: a person should look.
"""
_SEARCH_CODES = """\
exit codes: 0 identified, 1 not identified, 2 usage, 3 inconclusive, 4 not comparable (unreadable
picture, no face), 5 the command failed; of several pictures the highest
"""
_CODES = {"identified": 0, "not_identified": 1, "inconclusive": 3, "not_comparable": 4}
_CHECK = """\
Is one person in the gallery under two names? Every entry is compared with every other, and pairs
of different people who lie as near as a search would take for an identification are listed,
nearest first. In a gallery without duplicates up to --max-fpir of the entries have a stranger so
near: look at the pictures (--report) before you accuse anybody. Where the files that entries were
made from are still there, pairs that are one photograph are marked.
"""
_CALIBRATE = """\
Measure FPIR on the gallery itself: entries are searched among those of all other people, and how
near the nearest stranger comes is kept. Large galleries need it, since what the pack's calibration
can promise grows with their size. It holds for probes that are like the entries, and duplicates
make it too high: run `gallery check` first, and again when the gallery has doubled.
"""
_OPTIMIZE = """\
Join small files and, from 200,000 entries on, partition the embeddings so that a search looks at
the likely part of them: how many partitions is tuned until 99.5 % of the nearest entries are found.
`gallery add` does it when it has added many.
"""
_PURGE = """\
Write all entries anew and delete the files that held removed or replaced ones, old versions and
indices included. `gallery remove` does it by itself in a folder; in an object store nobody else may
use the gallery meanwhile, so there it is a command of its own. What the file system, a snapshot or
the disk itself keeps of deleted files is beyond it.
"""
_EXPORT = """\
Write all entries with their embeddings into one file: an Arrow stream, encrypted in the age format
for a key (`renzheng gallery key` makes one) or for the public keys of others. Decrypted elsewhere
with `age --decrypt`, pandas and others read it.
"""
_STORAGE_HELP = "a setting of the object store, e.g. aws_endpoint=http://host:9000; repeatable"


def register(commands: Any) -> None:
    """Add the command of this module."""
    gallery = commands.add_parser(
        "gallery",
        help="search a face among many (1:N)",
        description=_GALLERY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = gallery.add_subparsers(title="actions", metavar="ACTION", required=True)

    create = _action(actions, "create", "make an empty gallery", _create)
    options.add_pack(create)

    add = _action(actions, "add", "enrol a picture, a folder of people, or a table", _add, _ADD)
    add.add_argument("what", type=Path, nargs="+", metavar="WHAT")
    add.add_argument("--id", help="of a single picture (default: its name without the suffix)")
    add.add_argument("--person", help="whose it is (default: the id)")
    add.add_argument(
        "--set",
        dest="metadata",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="metadata of every picture; repeatable. Numbers, true and false are kept as such",
    )
    add.add_argument("--root", type=Path, metavar="FOLDER", help="where a table's paths start")
    add.add_argument("--most", type=int, metavar="N", help="of a folder, N pictures of each person")
    _add_role(add)
    add.add_argument("--replace", action="store_true", help="put new entries in the place of old")
    add.add_argument(
        "--accept-doubtful",
        action="store_true",
        help="enrol pictures with doubts too (cut at the edge ...): the rates may not hold then",
    )
    add.add_argument(
        "--workers", type=int, metavar="N", help="processes that embed (default: one a core)"
    )
    _add_pack(add)
    options.add_json(add)

    search = _action(actions, "search", "who is it?", _search, _SEARCH, _SEARCH_CODES)
    search.add_argument("pictures", nargs="+", metavar="PICTURE")
    search.add_argument(
        "-k", "--count", type=int, default=5, metavar="N", help="candidates to show (default: 5)"
    )
    _add_where(search)
    _add_policy(search)
    search.add_argument(
        "--inconclusive",
        type=float,
        default=10.0,
        metavar="TIMES",
        help="inconclusive up to this many times --max-fpir (default: 10; 1 switches it off)",
    )
    _add_role(search)
    search.add_argument(
        "--exact", action="store_true", help="compare every entry, even where there is an index"
    )
    _add_pack(search)
    _add_report(search, "with the pictures of the candidates whose files are still there")
    options.add_json(search)

    remove = _action(actions, "remove", "remove entries, and their bytes", _remove)
    remove.add_argument("ids", nargs="*", metavar="ID")
    _add_where(remove)
    remove.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    options.add_json(remove)

    check = _action(actions, "check", "one person under two names?", _check, _CHECK)
    _add_policy(check)
    check.add_argument(
        "--most", type=int, default=100, metavar="N", help="pairs to list (default: 100)"
    )
    _add_report(check, "with the pictures of each pair whose files are still there")
    check.epilog = "exit codes: 0 nobody, 1 suspicious pairs, 2 usage, 5 the command failed"
    options.add_json(check)

    calibrate = _action(actions, "calibrate", "measure FPIR on it", _calibrate, _CALIBRATE)
    calibrate.add_argument(
        "--searches",
        type=int,
        default=10_000,
        metavar="N",
        help="how many; 30 / N is the lowest rate to speak of (default: 10,000)",
    )
    calibrate.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    options.add_json(calibrate)

    _action(actions, "optimize", "make searches fast", _optimize, _OPTIMIZE)
    _action(actions, "purge", "remove the bytes of removed entries", _purge, _PURGE)

    stats = _action(actions, "stats", "what it holds", _stats)
    options.add_json(stats)

    listing = _action(actions, "list", "its entries", _list)
    _add_where(listing)
    listing.add_argument("--json", action="store_true", help="print JSON lines for programs")

    export = _action(actions, "export", "write it into one file", _export, _EXPORT)
    export.add_argument("file", type=Path, metavar="FILE")
    _add_key(export, "encrypt for this key")
    export.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="age1...",
        help="encrypt for the owner of this public key; repeatable",
    )
    export.add_argument("--plain", action="store_true", help="do not encrypt, even with a key")

    importing = _action(actions, "import", "add the entries of an export", _import)
    importing.add_argument("file", type=Path, metavar="FILE")
    _add_key(importing, "decrypt with this key")
    importing.add_argument(
        "--replace", action="store_true", help="put its entries in the place of those there"
    )
    options.add_json(importing)

    key = actions.add_parser(
        "key",
        help="make a secret key for exports",
        description="Write a new secret key, readable by you only, and print its public key. "
        "Whoever has the secret key reads every export for it; without it nobody does.",
    )
    key.add_argument("file", type=Path, metavar="FILE")
    key.set_defaults(run=_key)


def _action(
    actions: Any, name: str, summary: str, run: Any, more: str = "", codes: str | None = None
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n\n{more}" if more else None,
        epilog=codes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("gallery", metavar="GALLERY", help="a folder, or s3://... and the like")
    parser.add_argument(
        "--storage", action="append", default=[], metavar="KEY=VALUE", help=_STORAGE_HELP
    )
    parser.set_defaults(run=run)
    return parser


def _add_pack(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pack",
        metavar="FOLDER",
        help="where the gallery's pack lies, if it is not known by its name; another is refused",
    )


def _add_role(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--role",
        choices=("document", "live", "photo"),
        default="photo",
        help="what the pictures are of: a document is searched for its portrait, a live picture "
        "must hold one person (default: photo)",
    )


def _add_where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="only entries with this metadata: country=CN, 'age>=18', person!=anna; repeatable, "
        "all must hold. An entry without the key does not fulfil it",
    )


def _add_policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--max-fpir",
        type=float,
        default=0.01,
        metavar="RATE",
        help="highest false positive identification rate (default: 0.01, one of 100 strangers)",
    )


def _add_report(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--report", type=Path, metavar="FILE.html", help=f"write a page, {what}")


def _add_key(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help=f"{what} (default: the one in $RENZHENG_GALLERY_KEY)",
    )


def _pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidInput(f"{option} takes KEY=VALUE, not {text!r}")
        pairs[key] = value
    return pairs


def _open(arguments: argparse.Namespace) -> Gallery:
    from renzheng.gallery import Gallery
    from renzheng.verifier import Verifier

    named = getattr(arguments, "pack", None)
    verifier = None if named is None else Verifier(named)
    storage = _pairs(arguments.storage, "--storage")
    return Gallery.open(arguments.gallery, verifier, options=storage)


def _policy(arguments: argparse.Namespace) -> SearchPolicy:
    from renzheng.gallery import SearchPolicy

    return SearchPolicy(arguments.max_fpir, getattr(arguments, "inconclusive", 10.0))


def _create(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import Gallery
    from renzheng.verifier import Verifier

    gallery = Gallery.create(
        arguments.gallery,
        Verifier(arguments.pack),
        options=_pairs(arguments.storage, "--storage"),
    )
    print(f"{arguments.gallery}: an empty gallery for embeddings of {gallery.pack['name']}")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import enrol
    from renzheng.types import Role

    _check_least(arguments, "workers", "most")
    roster = _roster(arguments)
    for problem in roster.problems:
        print(f"renzheng: {problem}", file=sys.stderr)
    gallery = _open(arguments)
    enrolled: list[str] = []
    known: list[str] = []
    failed: dict[str, str] = {}
    warned: dict[str, list[str]] = {}
    try:
        with studies.progress() as tell:
            outcomes = enrol(
                gallery,
                roster.enrolments,
                role=Role(arguments.role),
                accept_doubtful=arguments.accept_doubtful,
                replace=arguments.replace,
                workers=arguments.workers or os.cpu_count() or 1,
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
                tell("enrolling", done, len(roster.enrolments))
    except KeyboardInterrupt:
        print(
            f"renzheng: {len(enrolled)} are enrolled and kept; the same command goes on from here",
            file=sys.stderr,
        )
        raise
    if len(enrolled) > 10_000:
        gallery.optimize()
    if arguments.json:
        options.print_json(
            {
                "enrolled": enrolled,
                "known": known,
                "failed": failed,
                "warnings": warned,
                "problems": list(roster.problems),
                "entries": len(gallery),
            }
        )
    else:
        _tell_added(enrolled, known, failed, warned, len(gallery))
    return EXIT_CODES["not_comparable"] if failed or roster.problems else 0


def _tell_added(
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
        print(f"renzheng: {len(warned)} with warnings (--json tells them)", file=sys.stderr)
    told = [f"{len(enrolled):,} enrolled"]
    if known:
        told.append(f"{len(known):,} there before")
    if failed:
        told.append(f"{len(failed):,} failed")
    print(f"{', '.join(told)}; the gallery holds {entries:,}")


def _roster(arguments: argparse.Namespace) -> Roster:
    """What there is to enrol, by the kind of WHAT."""
    from dataclasses import replace

    from renzheng.gallery import Enrolment
    from renzheng.gallery.conditions import parse_value
    from renzheng.gallery.rosters import Roster, read_folder, read_table

    parts: list[Roster] = []
    for what in arguments.what:
        if what.is_dir():
            parts.append(read_folder(what, arguments.most))
        elif what.suffix.lower() in (".csv", ".tsv"):
            parts.append(read_table(what, arguments.root))
        else:
            parts.append(Roster((Enrolment(id=what.stem, picture=what),)))
    several = len(arguments.what) > 1 or arguments.what[0].is_dir() or len(parts[0].enrolments) > 1
    if arguments.id is not None:
        if several:
            raise InvalidInput("--id names one picture, and there are more")
        parts = [Roster((replace(parts[0].enrolments[0], id=arguments.id),))]
    texts = _pairs(arguments.metadata, "--set")
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
    return Roster(tuple(found.values()), tuple(problems))


def _search(arguments: argparse.Namespace) -> int:
    policy = _policy(arguments)
    _check_report(arguments, arguments.pictures)
    if arguments.report is not None and len(arguments.pictures) > 1:
        raise InvalidInput("--report shows one search, and there are more pictures")
    gallery = _open(arguments)
    code = 0
    results = []
    for picture in arguments.pictures:
        found = gallery.search(
            picture,
            arguments.count,
            where=arguments.where,
            policy=policy,
            role=arguments.role,
            exact=arguments.exact or None,
        )
        code = max(code, _CODES[str(found.decision)])
        if arguments.report is not None:
            from renzheng.gallery import page

            page.save_search(found, picture, arguments.report)
        if arguments.json:
            results.append({"source": picture, **found.to_dict()})
        else:
            _print_search(picture, found)
    if arguments.json:
        options.print_json(results[0] if len(results) == 1 else results)
    return code


def _print_search(picture: str, found: Identification) -> None:
    print(f"{picture}: {str(found.decision).replace('_', ' ')}")
    print(f"  {found.reason}")
    for finding in found.findings:
        print(f"  {finding.effect}: {finding.message}")
    if not found.candidates:
        return
    how = "" if found.exact else ", by an index"
    print(f"  the nearest of {found.searched:,} entries{how}:")
    print(f"  {'':>4} {'distance':>8}  {'FMR':>16}  {'FPIR':>16}  who")
    for each in found.candidates:
        who = each.entry.person
        if each.entry.id != who:
            who += f" ({each.entry.id})"
        print(f"  {each.rank:>4} {each.distance:>8.4f}  {each.fmr!s:>16}  {each.fpir!s:>16}  {who}")


def _remove(arguments: argparse.Namespace) -> int:
    gallery = _open(arguments)
    if bool(arguments.ids) == bool(arguments.where):
        raise InvalidInput("name the entries by their ids, or by conditions with --where")
    ids = arguments.ids or [entry.id for entry in gallery.entries(arguments.where)]
    there = gallery.known(ids)
    missing = [id for id in ids if id not in there]
    if not arguments.dry_run:
        gallery.remove(ids)
    if arguments.json:
        options.print_json(
            {
                "removed": [] if arguments.dry_run else sorted(there),
                "would_remove": sorted(there) if arguments.dry_run else [],
                "missing": missing,
                "unpurged": gallery.stats().unpurged,
                "entries": len(gallery),
            }
        )
        return 0
    for id in missing:
        print(f"renzheng: there is no {id!r} in it", file=sys.stderr)
    if arguments.dry_run:
        print("\n".join(sorted(there)))
        print(f"{len(there):,} would be removed; nothing was", file=sys.stderr)
        return 0
    print(f"{len(there):,} removed; the gallery holds {len(gallery):,}")
    if gallery.stats().unpurged:
        print("their bytes are in its files until `renzheng gallery purge`")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    _check_least(arguments, "most")
    _check_report(arguments, ())
    policy = _policy(arguments)
    gallery = _open(arguments)
    with studies.progress() as tell:
        pairs, more = gallery.check(
            policy,
            most=arguments.most,
            progress=lambda done, whole: tell("comparing", done, whole),
        )
    if arguments.report is not None:
        from renzheng.gallery import page

        page.save_check(pairs, more, arguments.report)
    if arguments.json:
        options.print_json({"pairs": [pair.to_dict() for pair in pairs], "left_out": more})
        return 1 if pairs else 0
    if not pairs:
        print(f"no two people of {len(gallery):,} entries look like one")
        return 0
    print(f"{'distance':>8}  {'FMR':>16}  {'FPIR':>16}  who")
    for pair in pairs:
        one, other = (f"{each.person} ({each.id})" for each in pair.entries)
        same = ""
        if pair.same_file:
            same = "  the same file"
        elif pair.same_picture is not None and pair.same_picture.same:
            same = "  one photograph"
        print(f"{pair.distance:>8.4f}  {pair.fmr!s:>16}  {pair.fpir!s:>16}  {one}, {other}{same}")
    if more:
        print(f"and {more:,} more pairs (--most)")
    return 1


def _calibrate(arguments: argparse.Namespace) -> int:
    gallery = _open(arguments)
    with studies.progress() as tell:
        measured = gallery.calibrate(
            searches=arguments.searches,
            seed=arguments.seed,
            progress=lambda done, whole: tell("searching", done, whole),
        )
    if arguments.json:
        options.print_json(
            {
                "searches": measured.searches,
                "entries": measured.entries,
                "resolution": measured.resolution,
            }
        )
        return 0
    print(
        f"{measured.searches:,} searches among {measured.entries:,} entries; "
        f"they speak down to a false positive identification rate of {measured.resolution:.2g}"
    )
    return 0


def _optimize(arguments: argparse.Namespace) -> int:
    gallery = _open(arguments)
    gallery.optimize()
    told = gallery.stats()
    if told.recall is None:
        print(f"{told.entries:,} entries; every search compares them all")
    else:
        print(
            f"{told.entries:,} entries, {told.indexed:,} of them by an index that finds the "
            f"nearest in {told.recall:.1%} of searches"
        )
    return 0


def _purge(arguments: argparse.Namespace) -> int:
    gallery = _open(arguments)
    gallery.purge()
    print(f"the gallery's files hold {len(gallery):,} entries and nothing of removed ones")
    return 0


def _stats(arguments: argparse.Namespace) -> int:
    gallery = _open(arguments)
    told = gallery.stats()
    if arguments.json:
        options.print_json(told.to_dict())
        return 0
    lines = {
        "entries": f"{told.entries:,}",
        "people": f"{told.people:,}",
        "pack": f"{told.pack['name']} {told.pack['version']}, network "
        f"{told.pack['network_digest'][:12]}",
        "created": told.created,
        "size": "" if told.bytes is None else f"{told.bytes / 2**20:,.1f} MiB",
        "search": "exact"
        if told.recall is None
        else f"{told.indexed:,} entries by an index, recall {told.recall:.1%}",
        "lowest FPIR": "" if told.lowest_fpir is None else f"{told.lowest_fpir:.2g}",
        "calibrated": f"{told.calibrated:,} searches" if told.calibrated else "by the pack alone",
        "removed bytes": "perhaps in its files: renzheng gallery purge" if told.unpurged else "",
    }
    for name, value in lines.items():
        if value:
            print(f"{name + ':':<15} {value}")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    import json

    gallery = _open(arguments)
    for entry in gallery.entries(arguments.where):
        if arguments.json:
            print(json.dumps(entry.to_dict()))
            continue
        metadata = " ".join(f"{key}={value}" for key, value in entry.metadata.items())
        print(f"{entry.id}\t{entry.person}\t{metadata}\t{entry.source}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import exports

    key = None if arguments.plain else exports.read_key(arguments.key_file)
    if arguments.plain and (arguments.to or arguments.key_file):
        raise InvalidInput("--plain does not encrypt, and a key is named")
    recipients = [*arguments.to, *([] if key is None else [exports.recipient_of(key)])]
    gallery = _open(arguments)
    whole = len(gallery)
    with studies.progress() as tell:
        count = exports.export_gallery(
            gallery,
            arguments.file,
            recipients=recipients,
            progress=lambda done: tell("exporting", done, whole),
        )
    print(f"{arguments.file}: {count:,} entries, {'' if recipients else 'NOT '}encrypted")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import exports

    key = exports.read_key(arguments.key_file)
    gallery = _open(arguments)
    with studies.progress() as tell:
        done = exports.import_gallery(
            gallery,
            arguments.file,
            key=key,
            replace=arguments.replace,
            progress=lambda count: tell("importing", count, count),
        )
    if len(done.ids) > 10_000:
        gallery.optimize()
    if arguments.json:
        options.print_json(
            {
                "added": len(done.ids),
                "refused": list(done.refused),
                "entries": len(gallery),
            }
        )
        return 0
    known = f", {len(done.refused):,} there before" if done.refused else ""
    print(f"{len(done.ids):,} added{known}; the gallery holds {len(gallery):,}")
    return 0


def _key(arguments: argparse.Namespace) -> int:
    from renzheng import files
    from renzheng.gallery import exports

    if arguments.file.exists():
        raise InvalidInput(
            "there is a file already: a key that is overwritten is lost",
            source=str(arguments.file),
            remedy="name another",
        )
    key = exports.new_key()
    public = exports.recipient_of(key)
    files.write(arguments.file, f"# public key: {public}\n{key}\n".encode())
    print(public)
    return 0


def _check_report(arguments: argparse.Namespace, inputs: Sequence[str]) -> None:
    """See, before any work, that the page can be written and overwrites nothing that is read."""
    if arguments.report is not None:
        from renzheng.gallery import page

        page.check(arguments.report)
        options.check_output(arguments.report, inputs)


def _check_least(arguments: argparse.Namespace, *names: str) -> None:
    for name in names:
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise InvalidInput(f"--{name} must be 1 or more, not {value}")
