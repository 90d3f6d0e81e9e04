"""``keys``: the API keys of the service."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from renzheng.apps.cli import options

_KEYS = """\
Make, list and remove API keys of `renzheng serve`. The file holds names and digests; a key itself
is shown once, when it is made. A running service sees every change.
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    keys = options.add_command(commands, "keys", "manage the API keys of the service", _KEYS)
    actions = keys.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_action(actions, "add", _add, "make a key and print it, once", named=True)
    _add_action(actions, "remove", _remove, "remove a key, so that it is refused", named=True)
    listing = _add_action(actions, "list", _list, "list the names of all keys")
    options.add_json(listing)


def _add_action(
    actions: Any, name: str, run: Any, summary: str, *, named: bool = False
) -> argparse.ArgumentParser:
    action = options.add_command(actions, name, summary, f"{summary[0].upper()}{summary[1:]}.")
    if named:
        action.add_argument(
            "name", metavar="NAME", help="name of the key: A-Z, a-z, 0-9, '.', '_', '-'"
        )
    action.add_argument("--file", type=Path, required=True, metavar="FILE", help="file of the keys")
    action.set_defaults(run=run)
    return action


def _add(arguments: argparse.Namespace) -> int:
    from renzheng.apps.service import keys

    print(keys.add(arguments.file, arguments.name))
    return 0


def _remove(arguments: argparse.Namespace) -> int:
    from renzheng.apps.service import keys

    keys.remove(arguments.file, arguments.name)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from renzheng.apps.service import keys

    names = list(keys.read(arguments.file))
    if arguments.json:
        options.print_json(names)
    else:
        print("\n".join(names) or "no key")
    return 0
