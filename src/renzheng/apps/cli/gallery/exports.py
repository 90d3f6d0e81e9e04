"""``gallery export``, ``import`` and ``key``: galleries as encrypted files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from renzheng.apps.cli import options, terminal
from renzheng.apps.cli.gallery import gallery_options
from renzheng.errors import InvalidInput

_EXPORT = """\
Write all entries with their embeddings into one file: an Arrow stream, encrypted in the age format
for a key (`renzheng gallery key` makes one) or for the public keys of others. Decrypted elsewhere
with `age --decrypt`, pandas and others read it.
"""
_KEY = """\
Write a new secret key, readable by you only, and print its public key. Whoever has the secret key
can read every export encrypted for it; without it nobody can.
"""


def register(actions: Any) -> None:
    """Add the actions of this module."""
    _add_export(actions)
    _add_import(actions)
    _add_key(actions)


def _add_export(actions: Any) -> None:
    export = gallery_options.add_action(
        actions, "export", "write all entries into one file", _export, _EXPORT
    )
    export.add_argument("file", type=Path, metavar="FILE")
    gallery_options.add_key(export, "file of the key to encrypt for")
    export.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="age1...",
        help="encrypt for the owner of this public key; repeatable",
    )
    export.add_argument("--plain", action="store_true", help="do not encrypt, even with a key")


def _add_import(actions: Any) -> None:
    importing = gallery_options.add_action(
        actions, "import", "add the entries of an export", _import
    )
    importing.add_argument("file", type=Path, metavar="FILE")
    gallery_options.add_key(importing, "file of the key to decrypt with")
    importing.add_argument(
        "--replace", action="store_true", help="replace entries that have the same ids"
    )
    options.add_json(importing)


def _add_key(actions: Any) -> None:
    key = options.add_command(actions, "key", "make a secret key for exports", _KEY)
    key.add_argument("file", type=Path, metavar="FILE")
    key.set_defaults(run=_key)


def _export(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import exports, keys

    key = None if arguments.plain else keys.read_key(arguments.key_file)
    if arguments.plain and (arguments.to or arguments.key_file):
        raise InvalidInput("--plain and a key exclude each other")
    recipients = [*arguments.to, *([] if key is None else [keys.recipient_of(key)])]
    if not recipients and not arguments.plain:
        raise InvalidInput(
            "no key to encrypt for is given",
            remedy="name one with --key-file, --to or $RENZHENG_GALLERY_KEY (`renzheng gallery "
            "key` makes one), or give --plain",
        )
    gallery = gallery_options.open_gallery(arguments)
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
    gallery = gallery_options.open_gallery(arguments)
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
            "the file exists already: an overwritten key is lost",
            source=str(arguments.file),
            remedy="name another file",
        )
    key = keys.new_key()
    public = keys.recipient_of(key)
    files.write(arguments.file, f"# public key: {public}\n{key}\n".encode())
    print(public)
    return 0
