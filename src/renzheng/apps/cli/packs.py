"""``packs``: list, show, build and add the networks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from renzheng.apps.cli import catalogue, ensembles, features, imports, options, quantisation

_ADD = """\
Fetch the files of a pack from its authors' repository, or a network of the catalogue (`renzheng
packs catalogue`) from its pinned address, check their digests and make the pack. Nothing else in
renzheng fetches anything, and no picture leaves this machine. Without a network here, fetch the
files elsewhere (`renzheng packs show PACK` and `renzheng packs catalogue NAME` show their address
and digests) and say where they lie with --from.
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    packs = options.add_command(
        commands,
        "packs",
        "list, show, build and add the networks",
        "A pack is a network with its manifest, digests, licence and provenance.",
    )
    actions = packs.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_list(actions)
    _add_show(actions)
    _add_build(actions)
    _add_add(actions)
    catalogue.register(actions)
    ensembles.register(actions)
    features.register(actions)
    imports.register(actions)
    quantisation.register(actions)


def _add_list(actions: Any) -> None:
    listing = options.add_command(actions, "list", "list all packs")
    options.add_json(listing)
    listing.set_defaults(run=_list)


def _add_show(actions: Any) -> None:
    show = options.add_command(actions, "show", "show a pack: licence, provenance, limits, files")
    show.add_argument("name", metavar="PACK")
    options.add_json(show)
    show.set_defaults(run=_show)


def _add_build(actions: Any) -> None:
    build = options.add_command(
        actions, "build", "build packs into the cache (otherwise done on first use)"
    )
    build.add_argument(
        "names", nargs="*", metavar="PACK", help="default: all whose weights are here"
    )
    build.set_defaults(run=_build)


def _add_add(actions: Any) -> None:
    add = options.add_command(
        actions, "add", "fetch the weights of a pack from its authors, or take a local copy", _ADD
    )
    add.add_argument(
        "name", metavar="PACK", help="minifasnet, sface, or a name of `renzheng packs catalogue`"
    )
    add.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FOLDER",
        help="take the files from this folder (or the folder of this file) and fetch nothing",
    )
    add.add_argument(
        "--accept-licence",
        action="store_true",
        help="accept the licence of a network whose weights are non-commercial, or whose licence "
        "nobody states",
    )
    add.set_defaults(run=_add)


def _list(arguments: argparse.Namespace) -> int:
    from renzheng.models import packs

    rows = []
    for name in packs.names():
        definition = packs.definition(name)
        state = packs.state(name)
        rows.append(
            {
                "name": name,
                "version": definition["version"],
                "kind": definition["kind"],
                "licence": definition["licence"],
                "built": state is packs.State.BUILT,
                "state": str(state),
                "add": packs.source(name).remedy(name) if _how_to_add(name, state) else None,
                "description": definition["description"],
            }
        )
    rows += catalogue.added()
    if arguments.json:
        options.print_json(rows)
    else:
        from rich.console import Console
        from rich.table import Table

        table = Table()
        table.add_column("name", no_wrap=True)  # it is typed after --pack
        for heading in ("version", "kind", "licence", "built", "description"):
            table.add_column(heading)
        for row in rows:
            built = "yes" if row["built"] else "no"
            cells = {**row, "built": _in_words(row["state"], row["add"]) or built}
            del cells["add"], cells["state"]
            table.add_row(*map(str, cells.values()))
        Console().print(table)
    return 0


def _how_to_add(name: str, state: str) -> str:
    """Return how to add a pack that cannot be built; empty for other packs."""
    from renzheng.models import packs

    return _in_words(state, packs.source(name).remedy(name))


def _in_words(state: str, command: str | None) -> str:
    words = {"absent": "not there", "damaged": "damaged; add it again"}.get(state)
    return f"{words}: {command}" if words else ""


def _show(arguments: argparse.Namespace) -> int:
    from renzheng.models import packs

    known = arguments.name in packs.names()
    if not known and catalogue.show_absent(arguments.name, arguments.json):
        return 0
    missing = _how_to_add(arguments.name, packs.state(arguments.name)) if known else ""
    if missing:
        # Terms and limits should be read before a pack is fetched.
        facts = packs.definition(arguments.name)
        facts["add"] = missing
    else:
        facts = packs.load(arguments.name).to_dict()
    if arguments.json:
        options.print_json(facts)
        return 0
    for key, value in facts.items():
        if isinstance(value, dict):
            print(f"[{key}]")
            for name, entry in value.items():
                if isinstance(entry, list) and entry and isinstance(entry[0], dict):
                    print(f"  {name}:")
                    for row in entry:
                        print("    " + ", ".join(f"{key} {cell}" for key, cell in row.items()))
                else:
                    print(f"  {name}: {entry}")
        elif isinstance(value, list):
            print(f"{key}:")
            for entry in value:
                print(f"  - {entry}")
        else:
            print(f"{key}: {value}")
    return 0


def _build(arguments: argparse.Namespace) -> int:
    from renzheng.models import packs

    here = [name for name in packs.names() if not packs.must_be_added(name)]
    for name in arguments.names or here:
        pack = packs.build(name)
        print(f"{pack.name} {pack.version}: {pack.folder}")
    return 0


def _add(arguments: argparse.Namespace) -> int:
    from renzheng.models import packs

    if arguments.name not in packs.names():
        from renzheng.models.packs import missing, published

        networks = published.networks()
        if arguments.name not in networks:
            raise missing.unknown(arguments.name, packs.names(), networks)
        return catalogue.add(
            arguments.name, arguments.source, accept_licence=arguments.accept_licence
        )
    pack = packs.add(arguments.name, arguments.source)
    print(f"{pack.name} {pack.version} ({pack.manifest['licence']}): {pack.folder}")
    for limit in pack.manifest["limits"]:
        print(f"limit: {limit}")
    return 0
