"""``gallery create``, ``optimize``, ``purge``, ``stats`` and ``list``: upkeep of a gallery."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options
from renzheng.apps.cli.gallery import gallery_options

if TYPE_CHECKING:
    from renzheng.gallery import Stats

_OPTIMIZE = """\
Merge small files and, from 200,000 entries on, partition the embeddings so that a search visits
only the likely partitions; their number is tuned until 99.5 % of the nearest entries are found.
`gallery add` does this after adding many entries.
"""
_PURGE = """\
Rewrite all entries and delete the files that held removed or replaced ones, with old versions and
indices. In a folder `gallery remove` does this by itself. In an object store it is a separate
command, because nobody else may use the gallery during it. It cannot erase what a file system, a
snapshot or the disk itself keeps of deleted files.
"""


def register(actions: Any) -> None:
    """Add the actions of this module."""
    create = gallery_options.add_action(actions, "create", "make an empty gallery", _create)
    options.add_pack(create)
    options.add_detector(create)

    gallery_options.add_action(actions, "optimize", "make searches fast", _optimize, _OPTIMIZE)

    gallery_options.add_action(
        actions, "purge", "erase what is left of removed entries", _purge, _PURGE
    )

    stats = gallery_options.add_action(actions, "stats", "show the size and state", _stats)
    options.add_json(stats)

    listing = gallery_options.add_action(actions, "list", "list the entries", _list)
    gallery_options.add_where(listing)
    listing.add_argument("--json", action="store_true", help="print JSON lines for programs")


def _create(arguments: argparse.Namespace) -> int:
    from renzheng.gallery import Gallery
    from renzheng.verification.verifier import Verifier

    gallery = Gallery.create(
        arguments.gallery,
        Verifier(arguments.pack, detector=arguments.detector),
        options=gallery_options.pairs(arguments.storage, "--storage"),
    )
    print(f"{arguments.gallery}: an empty gallery for embeddings of {gallery.pack['name']}")
    return 0


def _optimize(arguments: argparse.Namespace) -> int:
    gallery = gallery_options.open_gallery(arguments)
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
    gallery = gallery_options.open_gallery(arguments)
    gallery.purge()
    print(f"the gallery's files hold {len(gallery):,} entries and nothing of removed ones")
    return 0


def _stats(arguments: argparse.Namespace) -> int:
    from renzheng.verification import detectors

    gallery = gallery_options.open_gallery(arguments)
    told = gallery.stats()
    if arguments.json:
        options.print_json(told.to_dict())
        return 0
    lines = {
        "entries": f"{told.entries:,}",
        "people": f"{told.people:,}",
        "pack": f"{told.pack['name']} {told.pack['version']}, network "
        f"{told.pack['network_digest'][:12]}",
        "detector": detectors.name_of(gallery.detector),
        "created": told.created,
        "size": "" if told.bytes is None else f"{told.bytes / 2**20:,.1f} MiB",
        "search": "exact"
        if told.recall is None
        else f"{told.indexed:,} entries by an index, recall {told.recall:.1%}",
        "lowest FPIR": "" if told.lowest_fpir is None else f"{told.lowest_fpir:.2g}",
        "calibrated": f"{told.calibrated:,} searches" if told.calibrated else "by the pack alone",
        "strength": _strengths(told),
        "removed bytes": "perhaps in its files: renzheng gallery purge" if told.unpurged else "",
    }
    for name, value in lines.items():
        if value:
            print(f"{name + ':':<15} {value}")
    return 0


def _strengths(told: Stats) -> str:
    """Return how many entries hold little of a face, or do not say how much; empty if none."""
    if told.weak is None:  # strengths change nothing
        return ""
    counts = {"weak": told.weak, "unknown": told.unknown_strength}
    found = [f"{count:,} {name}" for name, count in counts.items() if count]
    return f"{' and '.join(found)} of {told.entries:,} entries" if found else ""


def _list(arguments: argparse.Namespace) -> int:
    import json

    gallery = gallery_options.open_gallery(arguments)
    for entry in gallery.entries(arguments.where):
        if arguments.json:
            print(json.dumps(entry.to_dict()))
            continue
        metadata = " ".join(f"{key}={value}" for key, value in entry.metadata.items())
        print(f"{entry.id}\t{entry.person}\t{metadata}\t{entry.source}")
    return 0
