"""``gallery create``, ``stats``, ``list``, ``optimize``, ``purge``; ``export`` and ``import``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options, terminal
from renzheng.apps.cli.gallery import options as common
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    pass

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


def register(actions: Any) -> None:
    """Add the actions of this module."""
    create = common.add_action(actions, "create", "make an empty gallery", _create)
    options.add_pack(create)

    common.add_action(actions, "optimize", "make searches fast", _optimize, _OPTIMIZE)

    common.add_action(actions, "purge", "remove the bytes of removed entries", _purge, _PURGE)

    stats = common.add_action(actions, "stats", "what it holds", _stats)
    options.add_json(stats)

    listing = common.add_action(actions, "list", "its entries", _list)
    common.add_where(listing)
    listing.add_argument("--json", action="store_true", help="print JSON lines for programs")

    export = common.add_action(actions, "export", "write it into one file", _export, _EXPORT)
    export.add_argument("file", type=Path, metavar="FILE")
    common.add_key(export, "encrypt for this key")
    export.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="age1...",
        help="encrypt for the owner of this public key; repeatable",
    )
    export.add_argument("--plain", action="store_true", help="do not encrypt, even with a key")

    importing = common.add_action(actions, "import", "add the entries of an export", _import)
    importing.add_argument("file", type=Path, metavar="FILE")
    common.add_key(importing, "decrypt with this key")
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


def _create(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import Gallery
    from renzheng.verification.verifier import Verifier

    gallery = Gallery.create(
        arguments.gallery,
        Verifier(arguments.pack),
        options=common.pairs(arguments.storage, "--storage"),
    )
    print(f"{arguments.gallery}: an empty gallery for embeddings of {gallery.pack['name']}")
    return 0


def _optimize(arguments: argparse.Namespace) -> int:
    gallery = common.opened(arguments)
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
    gallery = common.opened(arguments)
    gallery.purge()
    print(f"the gallery's files hold {len(gallery):,} entries and nothing of removed ones")
    return 0


def _stats(arguments: argparse.Namespace) -> int:
    gallery = common.opened(arguments)
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

    gallery = common.opened(arguments)
    for entry in gallery.entries(arguments.where):
        if arguments.json:
            print(json.dumps(entry.to_dict()))
            continue
        metadata = " ".join(f"{key}={value}" for key, value in entry.metadata.items())
        print(f"{entry.id}\t{entry.person}\t{metadata}\t{entry.source}")
    return 0


def _export(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import exports, keys

    key = None if arguments.plain else keys.read_key(arguments.key_file)
    if arguments.plain and (arguments.to or arguments.key_file):
        raise InvalidInput("--plain does not encrypt, and a key is named")
    recipients = [*arguments.to, *([] if key is None else [keys.recipient_of(key)])]
    if not recipients and not arguments.plain:
        raise InvalidInput(
            "there is no key to encrypt for",
            remedy="name one with --key-file, --to or $RENZHENG_GALLERY_KEY (`renzheng gallery "
            "key` makes one), or say --plain",
        )
    gallery = common.opened(arguments)
    whole = len(gallery)
    with terminal.progress() as tell:
        count = exports.export_gallery(
            gallery,
            arguments.file,
            recipients=recipients,
            progress=lambda done: tell("exporting", done, whole),
        )
    print(f"{arguments.file}: {count:,} entries, {'' if recipients else 'NOT '}encrypted")
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import exports, keys

    key = keys.read_key(arguments.key_file)
    gallery = common.opened(arguments)
    with terminal.progress() as tell:
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
    from renzheng._support import files
    from renzheng.gallery import keys

    if arguments.file.exists():
        raise InvalidInput(
            "there is a file already: a key that is overwritten is lost",
            source=str(arguments.file),
            remedy="name another",
        )
    key = keys.new_key()
    public = keys.recipient_of(key)
    files.write(arguments.file, f"# public key: {public}\n{key}\n".encode())
    print(public)
    return 0
