"""The options that several actions on galleries share, and their checks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli import options
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.gallery import Gallery, SearchPolicy

_STORAGE_HELP = "a setting of the object store, e.g. aws_endpoint=http://host:9000; repeatable"


def add_action(
    actions: Any, name: str, summary: str, run: Any, more: str = "", codes: str | None = None
) -> argparse.ArgumentParser:
    """Add an action on one gallery.

    Parameters
    ----------
    actions
        The subparsers of ``gallery``.
    name, summary
        The name of the action and one line for the list of actions.
    run
        The function that runs it.
    more
        The description after the summary.
    codes
        The exit codes, if they differ from those of other actions.
    """
    description = f"{summary[0].upper()}{summary[1:]}.\n\n{more}".rstrip()
    parser = options.add_command(actions, name, summary, description, codes)
    parser.add_argument(
        "gallery", metavar="GALLERY", help="a folder, or an address such as s3://..."
    )
    parser.add_argument(
        "--storage", action="append", default=[], metavar="KEY=VALUE", help=_STORAGE_HELP
    )
    if name != "create":
        parser.add_argument(
            "--pack",
            metavar="FOLDER",
            help="folder of the gallery's pack, if it is not where the gallery remembers it; any "
            "other pack is refused",
        )
        parser.add_argument(
            "--detector",
            metavar="FOLDER",
            help="the same for the gallery's detector",
        )
    parser.set_defaults(run=run)
    return parser


def add_role(parser: argparse.ArgumentParser) -> None:
    """Add ``--role``: the kind of the pictures."""
    parser.add_argument(
        "--role",
        choices=("document", "live", "photo"),
        default="photo",
        help="kind of the pictures: a document is searched for its portrait, a live picture must "
        "show one person (default: photo)",
    )


def add_where(parser: argparse.ArgumentParser) -> None:
    """Add ``--where``: conditions on metadata."""
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="only entries with this metadata: country=CN, 'age>=18', person!=anna; repeatable, "
        "all must hold. An entry without the key does not match",
    )


def add_policy(parser: argparse.ArgumentParser) -> None:
    """Add ``--max-fpir``: the policy of searches."""
    parser.add_argument(
        "--max-fpir",
        type=float,
        default=0.01,
        metavar="RATE",
        help="highest false positive identification rate, FPIR (default: 0.01: one in 100 people "
        "who are not in the gallery)",
    )


def add_report(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--report``: a page, described by `what`."""
    parser.add_argument("--report", type=Path, metavar="FILE.html", help=f"write a page {what}")


def add_key(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--key-file``: the file of a key, described by `what`."""
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help=f"{what} (default: the one in $RENZHENG_GALLERY_KEY)",
    )


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Return ``KEY=VALUE`` options as a dictionary."""
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidInput(f"{option} takes KEY=VALUE, not {text!r}")
        pairs[key] = value
    return pairs


def open_gallery(arguments: argparse.Namespace) -> Gallery:
    """Open the gallery that the options name."""
    from renzheng.gallery import Gallery

    storage = pairs(arguments.storage, "--storage")
    gallery = Gallery.open(arguments.gallery, options=storage)
    if arguments.pack is not None or arguments.detector is not None:
        gallery.load_packs(arguments.pack, arguments.detector)
    return gallery


def policy(arguments: argparse.Namespace) -> SearchPolicy:
    """Return the policy that the options ask for."""
    from renzheng.gallery import SearchPolicy

    return SearchPolicy(arguments.max_fpir, getattr(arguments, "inconclusive", 10.0))


def check_report(arguments: argparse.Namespace, inputs: Sequence[str]) -> None:
    """Check, before any work, that the page can be written and overwrites no input."""
    if arguments.report is not None:
        from renzheng.apps.reports import pages

        pages.check_name(arguments.report)
        options.check_output(arguments.report, inputs)


def check_positive(arguments: argparse.Namespace, *names: str) -> None:
    """Check that these options, where given, are 1 or more."""
    for name in names:
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise InvalidInput(f"--{name} must be 1 or more, not {value}")
