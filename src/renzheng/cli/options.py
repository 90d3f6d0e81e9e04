"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from renzheng.verifier import Verifier


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``: for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def add_detection(parser: argparse.ArgumentParser, min_face_size: int = 40) -> None:
    """Options of every command that looks for faces."""
    parser.add_argument(
        "--min-face-size",
        type=int,
        default=min_face_size,
        metavar="PX",
        help="ignore faces smaller than this (default: %(default)s); larger is faster",
    )
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads per network call (default: as many as the processor has cores)",
    )


def add_pack(parser: argparse.ArgumentParser) -> None:
    """``--pack``: which embedding."""
    parser.add_argument(
        "--pack",
        default="dlib-resnet",
        metavar="PACK",
        help="embedding pack: a name (`renzheng packs list`) or a folder (default: dlib-resnet)",
    )


def check_threads(options: argparse.Namespace) -> None:
    """Make sure that ``--threads`` is a number of threads."""
    from renzheng.errors import InvalidInput

    if options.threads is not None and options.threads < 1:
        raise InvalidInput(f"--threads must be 1 or more, not {options.threads}")


def verifier(options: argparse.Namespace, **more: Any) -> Verifier:
    """The verifier that the options ask for."""
    from renzheng.verifier import DEFAULT_PACK, Verifier

    check_threads(options)
    return Verifier(
        getattr(options, "pack", DEFAULT_PACK),
        min_face_size=options.min_face_size,
        threads=options.threads,
        **more,
    )


def print_json(value: Any) -> None:
    """One JSON document on standard output; any character is kept readable."""
    print(json.dumps(value, indent=2, ensure_ascii=False))
