"""Parsers of commands, the options that several commands share, and their checks."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from renzheng._support.cpu import cores
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.models.defaults import AUTO, BACKEND_VARIABLE, DEFAULT_DETECTOR, DEFAULT_EMBEDDER

# Each thread of each network takes memory and time to start: a thousand take minutes.
MAX_THREADS = 256
MAX_WORKERS = 256  # processes

Parser = argparse.ArgumentParser | argparse._ArgumentGroup


def add_command(
    commands: Any,
    name: str,
    summary: str,
    description: str | None = None,
    epilog: str | None = None,
) -> argparse.ArgumentParser:
    """Add a command, or a subcommand, whose texts are printed with their own line breaks.

    Parameters
    ----------
    commands
        The subparsers that the command belongs to.
    name
        The name of the command.
    summary
        One line for the list of commands.
    description, epilog
        The texts before and after the options.
    """
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def add_json(parser: Parser) -> None:
    """Add ``--json``: output for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def add_detection(
    parser: argparse.ArgumentParser, min_face_size: int = 40, *, threads: bool = True
) -> None:
    """Add the options of every command that looks for faces."""
    add_detector(parser)
    add_min_face_size(parser, min_face_size)
    add_backend(parser)
    if threads:
        parser.add_argument(
            "--threads",
            type=int,
            metavar="N",
            help="threads per network call (default: one per processor core)",
        )


def add_detector(parser: Parser) -> None:
    """Add ``--detector``: the detection pack."""
    parser.add_argument(
        "--detector",
        default=DEFAULT_DETECTOR,
        metavar="PACK",
        help="detection pack: mtcnn, yunet (faster) or a folder (default: %(default)s, with which "
        "the packs are calibrated)",
    )


def add_min_face_size(parser: Parser, default: int = 40) -> None:
    """Add ``--min-face-size``: the smallest face that counts, in pixels."""
    parser.add_argument(
        "--min-face-size",
        type=int,
        default=default,
        metavar="PX",
        help="ignore faces smaller than this (default: %(default)s); larger is faster",
    )


def add_backend(parser: Parser) -> None:
    """Add ``--backend``: the library and device that compute the networks."""
    parser.add_argument(
        "--backend",
        metavar="NAME",
        type=_backend,
        # Only a text goes through `type`: the choice is told in either case.
        default=AUTO if os.environ.get(BACKEND_VARIABLE) == AUTO else None,
        help="what computes the networks: onnxruntime, openvino, cuda, tensorrt, directml or "
        "coreml, with its device as in cuda:1, or auto, the best that works; the same faces and "
        "distances, see docs/accelerators.md (default: $RENZHENG_BACKEND, or else onnxruntime)",
    )


def _backend(name: str) -> str:
    """Return a backend's name; what ``auto`` stands for is chosen here, and told."""
    if name != AUTO:
        return name
    from renzheng.models.runtime import automatic

    try:
        chosen = automatic.choose()
    except RenzhengError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    for other, reason in chosen.passed_over.items():
        print(f"renzheng: not {other}: {reason}", file=sys.stderr)
    print(f"renzheng: --backend {chosen.backend} ({chosen.provider})", file=sys.stderr)
    return chosen.backend


def add_pack(parser: Parser) -> None:
    """Add ``--pack``: the embedding pack."""
    parser.add_argument(
        "--pack",
        default=DEFAULT_EMBEDDER,
        metavar="PACK",
        help="embedding pack: a name (`renzheng packs list`) or a folder (default: %(default)s)",
    )


def add_root(parser: Parser) -> None:
    """Add ``--root``: the start of relative paths in a table."""
    parser.add_argument(
        "--root",
        type=Path,
        metavar="FOLDER",
        help="folder that relative paths in a table start from (default: the table's own)",
    )


def add_workers(parser: Parser, summary: str = "worker processes") -> None:
    """Add ``--workers``: the number of processes, described by `summary`."""
    parser.add_argument(
        "--workers", type=int, metavar="N", help=f"{summary} (default: one per core)"
    )


def add_seed(parser: Parser, summary: str) -> None:
    """Add ``--seed``: the seed of everything random, described by `summary`."""
    parser.add_argument(
        "--seed", type=int, default=0, help=f"seed of {summary} (default: %(default)s)"
    )


def check_threads(arguments: argparse.Namespace) -> None:
    """Check that ``--threads`` is a valid number of threads.

    Raises
    ------
    InvalidInput
        If it is not from 1 to 256.
    """
    _check_count("--threads", arguments.threads, MAX_THREADS)


def workers(arguments: argparse.Namespace) -> int:
    """Return the number of worker processes.

    Raises
    ------
    InvalidInput
        If ``--workers`` is not from 1 to 256.
    """
    _check_count("--workers", arguments.workers, MAX_WORKERS)
    return arguments.workers or cores()


def _check_count(option: str, count: int | None, maximum: int) -> None:
    if count is not None and not 1 <= count <= maximum:
        raise InvalidInput(f"{option} must lie from 1 to {maximum}, not {count}")


def check_output(path: Path | None, inputs: Iterable[str | os.PathLike[str] | None]) -> None:
    """Check, before any work, that an output is none of the inputs.

    Parameters
    ----------
    path
        The path of the output; None if there is none.
    inputs
        The files that are read, whether they exist or not; None for one that was not given.

    Raises
    ------
    InvalidInput
        If the output is the same file as an input, under whatever name.
    """
    if path is None:
        return
    for source in inputs:
        if source is not None and _same_file(path, source):
            raise InvalidInput(
                "the output would overwrite an input", source=str(path), remedy="name another file"
            )


def _same_file(one: Path, other: str | os.PathLike[str]) -> bool:
    try:
        return one.samefile(other)
    except (OSError, ValueError):  # one does not exist, or its name is not valid
        return False


def print_json(value: Any) -> None:
    """Print one JSON document, with every character that the stream can show kept readable."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # The stream's own escapes (\\xe4, \\U0001f600) are not valid JSON.
        text = json.dumps(value, indent=2)
    print(text)
