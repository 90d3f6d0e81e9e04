"""What the actions on galleries share."""

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
    """One of the actions, with the gallery that it works on."""
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
    if name != "create":
        parser.add_argument(
            "--pack",
            metavar="FOLDER",
            help="where the gallery's pack lies, if it is not one of renzheng's own; another is "
            "refused",
        )
    parser.set_defaults(run=run)
    return parser


def add_role(parser: argparse.ArgumentParser) -> None:
    """``--role``: what the pictures are of."""
    parser.add_argument(
        "--role",
        choices=("document", "live", "photo"),
        default="photo",
        help="what the pictures are of: a document is searched for its portrait, a live picture "
        "must hold one person (default: photo)",
    )


def add_where(parser: argparse.ArgumentParser) -> None:
    """``--where``: conditions on metadata."""
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="CONDITION",
        help="only entries with this metadata: country=CN, 'age>=18', person!=anna; repeatable, "
        "all must hold. An entry without the key does not fulfil it",
    )


def add_policy(parser: argparse.ArgumentParser) -> None:
    """``--max-fpir``."""
    parser.add_argument(
        "--max-fpir",
        type=float,
        default=0.01,
        metavar="RATE",
        help="highest false positive identification rate (default: 0.01, one of 100 strangers)",
    )


def add_report(parser: argparse.ArgumentParser, what: str) -> None:
    """``--report``: a page."""
    parser.add_argument("--report", type=Path, metavar="FILE.html", help=f"write a page, {what}")


def add_key(parser: argparse.ArgumentParser, what: str) -> None:
    """``--key-file``."""
    parser.add_argument(
        "--key-file",
        type=Path,
        metavar="FILE",
        help=f"{what} (default: the one in $RENZHENG_GALLERY_KEY)",
    )


def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """``KEY=VALUE`` options as a dictionary."""
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InvalidInput(f"{option} takes KEY=VALUE, not {text!r}")
        pairs[key] = value
    return pairs


def opened(arguments: argparse.Namespace) -> Gallery:
    """The gallery that the options name."""
    from renzheng.gallery import Gallery
    from renzheng.verification.verifier import Verifier

    named = getattr(arguments, "pack", None)
    verifier = None if named is None else Verifier(named)
    storage = pairs(arguments.storage, "--storage")
    return Gallery.open(arguments.gallery, verifier, options=storage)


def policy(arguments: argparse.Namespace) -> SearchPolicy:
    """The policy that the options ask for."""
    from renzheng.gallery import SearchPolicy

    return SearchPolicy(arguments.max_fpir, getattr(arguments, "inconclusive", 10.0))


def check_report(arguments: argparse.Namespace, inputs: Sequence[str]) -> None:
    """See, before any work, that the page can be written and overwrites nothing that is read."""
    if arguments.report is not None:
        from renzheng.apps.reports import pages

        pages.check_name(arguments.report)
        options.check_output(arguments.report, inputs)


def check_least(arguments: argparse.Namespace, *names: str) -> None:
    """See that these options, where they are given, are 1 or more."""
    for name in names:
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise InvalidInput(f"--{name} must be 1 or more, not {value}")
