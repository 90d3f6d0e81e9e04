"""``packs catalogue``: the networks that others publish, and their packs on request."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from renzheng.models.packs.manifest import Pack
    from renzheng.models.packs.published import PublishedNetwork

_CATALOGUE = """\
List networks that others publish, with what they state of them. None of them comes with renzheng:
`renzheng packs add NAME` fetches one from its pinned address, checks its SHA-256 and makes a pack
of it. Accuracies are their publishers' and say little about your people; where "run here" says no,
nobody of this project has run the file. The licence of the weights and the terms of the pictures
that they were trained on are two things, and both are yours to keep.
"""


def register(actions: Any) -> None:
    """Add ``catalogue`` to the actions of ``packs``."""
    parser = options.add_command(
        actions, "catalogue", "list networks that others publish, to be added", _CATALOGUE
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="show all that is known of one")
    options.add_json(parser)
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    from renzheng.models.packs import published

    networks = published.networks()
    if arguments.name is not None:
        return _show(_named(arguments.name, networks), arguments.json)
    if arguments.json:
        options.print_json([network.to_dict() for network in networks.values()])
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table()
    table.add_column("name", no_wrap=True)  # it is typed after `packs add`
    table.add_column("size")
    table.add_column("MB")
    table.add_column("weights", no_wrap=True)
    for heading in ("stated accuracy", "run by us", "here"):
        table.add_column(heading)
    for network in networks.values():
        table.add_row(
            network.name,
            f"{network.dimension}-d",
            "" if network.megabytes is None else f"{network.megabytes:.0f}",
            network.licence.split(" (")[0] if network.terms == "open" else network.terms,
            network.accuracy or "-",
            "yes" if network.run else "no",
            "yes" if network.is_added else "no",
        )
    Console().print(table)
    print("renzheng packs catalogue NAME: its terms, data, source and what to know before use")
    print("renzheng packs add NAME: fetch it and make a pack of it; nothing else fetches anything")
    print("in renzheng already: renzheng packs list; a network of yours: renzheng packs import")
    return 0


def _named(name: str, networks: Mapping[str, PublishedNetwork]) -> PublishedNetwork:
    if name not in networks:
        from renzheng.models.packs import missing

        raise missing.uncatalogued(name, list(networks))
    return networks[name]


def show_absent(name: str, as_json: bool) -> bool:
    """Show what is known of a network that was not added; return whether it is one."""
    from renzheng.models.packs import published

    network = published.networks().get(name)
    if network is None or network.is_added:
        return False
    _show(network, as_json)
    return True


def _show(network: PublishedNetwork, as_json: bool) -> int:
    if as_json:
        options.print_json(network.to_dict())
        return 0
    size = "not stated" if network.megabytes is None else f"{network.megabytes:g} MB"
    stated = f"{network.accuracy} ({network.accuracy_source})" if network.accuracy else "none"
    rows = {
        "name": network.name,
        "description": network.description,
        "author": network.author,
        "licence of the weights": network.licence,
        "training data": network.data_licence,
        "embedding": f"{network.dimension}-d",
        "preparation": f"--preset {network.preset}",
        "stated accuracy": stated,
        "run here": "yes" if network.run else "no: what it does is its publisher's word",
        "source": network.source,
        "file": f"{network.base}{network.file}",
        "size": size,
        "SHA-256": network.sha256,
        "here": "yes" if network.is_added else f"no: {network.how_to_add}",
    }
    for key, value in rows.items():
        print(f"{key + ':':<24}{value}")
    for note in network.notes:
        print(f"{'note:':<24}{note}")
    return 0


def add(name: str, given: Path | None, *, accept_licence: bool) -> int:
    """Add a network of the catalogue and say what to do with its pack.

    Parameters
    ----------
    name
        A name of the catalogue.
    given
        The file, or its folder; None to fetch it.
    accept_licence
        Whether the user accepts terms that are not open.

    Raises
    ------
    PackError
        As for `renzheng.models.packs.published.add`.
    """
    from renzheng.models import packs
    from renzheng.models.packs import published

    network = published.networks()[name]
    importer = _import_torch if network.format == "torch" else None
    pack = published.add(name, given, accept_licence=accept_licence, importer=importer)
    print(f"{pack.name} {pack.version}: {pack.folder}")
    print(f"licence of the weights: {network.licence}")
    print(f"training data: {network.data_licence}")
    for limit in pack.manifest["limits"]:
        print(f"limit: {limit}")
    print(
        f"It has no calibration yet, so it gives distances and decides nothing. Next, on pictures "
        f"of your own people:\n  {packs.calibrating(pack)}"
    )
    return 0


def added() -> list[dict[str, Any]]:
    """Return a row of ``packs list`` for each network of the catalogue that was added."""
    from renzheng.errors import PackError
    from renzheng.models.packs import published

    rows = []
    for name, network in published.networks().items():
        if not network.is_added:
            continue
        row: dict[str, Any] = {
            "name": name,
            "version": "1",
            "kind": "embedder",
            "licence": network.licence,
            "built": True,
            "state": "built",
            "add": None,
            "description": f"{network.description}; not calibrated",
        }
        try:
            published.loaded(name)
        except PackError:
            row |= {"built": False, "state": "damaged", "add": network.how_to_add}
        rows.append(row)
    return rows


def _import_torch(
    network: PublishedNetwork, file: Path, destination: Path, said: Mapping[str, Any]
) -> Pack:
    from renzheng.errors import PackError

    try:
        from renzheng.training.imports import import_torch
    except ImportError as error:
        raise PackError(
            f"{network.name} is a file of torch, and torch is not installed",
            remedy=f"pip install 'renzheng[train]', then {network.how_to_add}; the file is kept",
        ) from error
    return import_torch(file, destination, **said)
