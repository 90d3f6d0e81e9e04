"""The engines that do the work of long commands: processes of this machine, or a Ray cluster."""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renzheng.errors import InvalidInput


def add(parser: argparse.ArgumentParser) -> None:
    """Add ``--engine`` and ``--address``."""
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: run on Ray (pip install 'renzheng[ray]'); pictures, tables and outputs may then "
        "be in object stores, as s3://bucket/name (default: local)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="address of the Ray cluster that this machine belongs to; auto finds the one that "
        "runs here (default: start one on this machine for the length of the run)",
    )


def place(text: str) -> Path | str:
    """Return a path, or an address in a store as it is, since a path would lose a slash."""
    return text if "://" in text else Path(text)


@dataclass(frozen=True)
class Engine:
    """The functions of one engine that long commands call.

    Attributes
    ----------
    read
        A function like `renzheng.apps.batch.pairs.read`.
    run
        A function like `renzheng.apps.batch.run.run`.
    each
        A function like `renzheng.apps.batch.workers.map_steps`.
    find
        A function like `renzheng.images.file_list.find`.
    """

    read: Callable[..., Any]
    run: Callable[..., None]
    each: Callable[..., Any]
    find: Callable[..., Any]


def choose(arguments: argparse.Namespace, places: Sequence[Any]) -> Engine:
    """Return the engine that the options name.

    Parameters
    ----------
    arguments
        The options of the command line.
    places
        The paths and addresses that are read or written.

    Raises
    ------
    InvalidInput
        If the options exclude each other.
    RenzhengError
        If Ray is asked for and not installed.
    """
    if arguments.engine == "local":
        if arguments.address is not None:
            raise InvalidInput("--address is for a Ray cluster", remedy="add --engine ray")
        for each in places:
            if isinstance(each, str) and "://" in each:
                raise InvalidInput(
                    "this is an address and not a path", source=each, remedy="add --engine ray"
                )
        from renzheng.apps.batch import pairs, run, workers
        from renzheng.images import file_list

        return Engine(pairs.read, run.run, workers.map_steps, file_list.find)
    from renzheng.apps.batch import cluster

    cluster.require()
    for each in places:
        if isinstance(each, str) and "://" in each and not cluster.is_stored(each):
            raise InvalidInput(
                "this is no store that can be reached", source=each, remedy="e.g. s3://bucket/name"
            )
    engine = cluster.Engine(arguments.address, arguments.workers)
    return Engine(cluster.read_pairs, engine.run, engine.map_steps, cluster.find)


@contextmanager
def output(arguments: argparse.Namespace) -> Iterator[None]:
    """Let ``arguments.out`` be a local file, and copy it to the store that it was meant for.

    Raises
    ------
    InvalidInput
        If work is to be resumed with an output in a store, where no unfinished work is kept.
    RenzhengError
        If the output cannot be written.
    """
    if isinstance(arguments.out, Path):
        yield
        return
    if arguments.resume:
        raise InvalidInput(
            "unfinished work is kept beside a file, and the output is in a store",
            source=arguments.out,
            remedy="write to a file, which can be resumed, and copy that",
        )
    from renzheng.apps.batch import cluster

    address = arguments.out
    folder = Path(tempfile.mkdtemp(prefix="renzheng-"))  # readable by its owner only
    try:
        arguments.out = folder / (address.rpartition("/")[2] or "results")
        yield
        cluster.write(arguments.out, address)
    finally:
        arguments.out = address
        shutil.rmtree(folder, ignore_errors=True)
