"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from renzheng._support.cpu import cores
from renzheng.errors import InvalidInput
from renzheng.models.defaults import DEFAULT_EMBEDDER

# Each thread of each network takes memory and time to start: by the thousand, minutes.
MOST_THREADS = 256
MOST_WORKERS = 256  # processes


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json``: for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def add_detection(
    parser: argparse.ArgumentParser, min_face_size: int = 40, *, threads: bool = True
) -> None:
    """Options of every command that looks for faces."""
    parser.add_argument(
        "--min-face-size",
        type=int,
        default=min_face_size,
        metavar="PX",
        help="ignore faces smaller than this (default: %(default)s); larger is faster",
    )
    add_backend(parser)
    if not threads:
        return
    parser.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="threads per network call (default: as many as the processor has cores)",
    )


def add_backend(parser: argparse.ArgumentParser) -> None:
    """``--backend``: what computes the networks."""
    parser.add_argument(
        "--backend",
        metavar="NAME",
        help="what computes the networks: onnxruntime or openvino (pip install "
        "'renzheng[openvino]'); the same faces and distances (default: $RENZHENG_BACKEND, else "
        "onnxruntime)",
    )


def add_pack(parser: argparse.ArgumentParser) -> None:
    """``--pack``: which embedding."""
    parser.add_argument(
        "--pack",
        default=DEFAULT_EMBEDDER,
        metavar="PACK",
        help="embedding pack: a name (`renzheng packs list`) or a folder (default: %(default)s)",
    )


def check_threads(options: argparse.Namespace) -> None:
    """Make sure that ``--threads`` is a number of threads.

    Raises
    ------
    InvalidInput
        If it is not from 1 to 256.
    """
    if options.threads is not None and not 1 <= options.threads <= MOST_THREADS:
        raise InvalidInput(f"--threads must lie from 1 to {MOST_THREADS}, not {options.threads}")


def workers(arguments: argparse.Namespace) -> int:
    """How many processes.

    Raises
    ------
    InvalidInput
        If it is no such number.
    """
    if arguments.workers is not None and not 1 <= arguments.workers <= MOST_WORKERS:
        raise InvalidInput(f"--workers must lie from 1 to {MOST_WORKERS}, not {arguments.workers}")
    return arguments.workers or cores()


def check_output(path: Path | None, inputs: Iterable[str | os.PathLike[str] | None]) -> None:
    """Make sure, before any work, that what will be written is none of what is read.

    Parameters
    ----------
    path
        Where the output goes; None if there is none.
    inputs
        The files that are read, whether they exist or not; None stands for one that was not named.

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
    except (OSError, ValueError):  # one is not there, or its name cannot be any file's
        return False


def print_json(value: Any) -> None:
    """One JSON document on standard output; any character that it can show is kept readable."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # The stream's own escapes (\\xe4, \\U0001f600) are not JSON's.
        text = json.dumps(value, indent=2)
    print(text)
