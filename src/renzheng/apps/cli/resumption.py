"""The options of long commands, whose interrupted work can be resumed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from renzheng.apps.cli import engines, options
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.apps.batch import Begin


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that run for long and can be resumed."""
    options.add_workers(parser, "processes of about one core each; the results are the same")
    parser.add_argument(
        "--resume", action="store_true", help="continue a run that was interrupted or killed"
    )
    parser.add_argument(
        "--restart",
        action="store_true",
        help="start again: discard unfinished work and replace the output",
    )
    engines.add(parser)


def begin(arguments: argparse.Namespace) -> Begin:
    """Return what the options ask to do with earlier work.

    Raises
    ------
    InvalidInput
        If they exclude each other.
    """
    from renzheng.apps.batch import Begin

    if arguments.resume and arguments.restart:
        raise InvalidInput("--resume and --restart exclude each other")
    if arguments.restart:
        return Begin.RESTART
    return Begin.RESUME if arguments.resume else Begin.NEW


def how_to_continue(output: Path) -> str:
    """Return how to continue after an interrupt; empty if there is no unfinished work."""
    from renzheng.apps.batch import store

    if not store.place(output).exists():
        return ""
    return "the work so far is kept; the same command with --resume continues from here"
