"""Where the work of long commands is done: in processes of this machine, or on a Ray cluster."""

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
    """``--engine`` and ``--address``."""
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="ray: the same on Ray (pip install 'renzheng[ray]'); pictures, tables and outputs may "
        "then lie in stores, as s3://bucket/name (default: local)",
    )
    parser.add_argument(
        "--address",
        metavar="HOST:PORT",
        help="of the Ray cluster, which this machine is a part of; auto finds the one that runs "
        "here (default: start one on this machine for the length of the run)",
    )


def place(text: str) -> Path | str:
    """A path, or an address in a store, which as a path would lose a slash."""
    return text if "://" in text else Path(text)


@dataclass(frozen=True)
class Engine:
    """What a long command calls.

    Attributes
    ----------
    read
        As `renzheng.apps.batch.pairs.read`.
    run
        As `renzheng.apps.batch.run.run`.
    each
        As `renzheng.apps.batch.workers.each`.
    find
        As `renzheng.images.file_list.find`.
    """

    read: Callable[..., Any]
    run: Callable[..., None]
    each: Callable[..., Any]
    find: Callable[..., Any]


def chosen(arguments: argparse.Namespace, places: Sequence[Any]) -> Engine:
    """The engine that the options name.

    Parameters
    ----------
    arguments
        Of the command line.
    places
        Paths and addresses that are read or written.

    Raises
    ------
    InvalidInput
        If the options do not go together.
    RenzhengError
        If Ray is wanted and not installed.
    """
    if arguments.engine == "local":
        if arguments.address is not None:
            raise InvalidInput("--address is of a Ray cluster", remedy="add --engine ray")
        for each in places:
            if isinstance(each, str) and "://" in each:
                raise InvalidInput(
                    "this is an address and no path", source=each, remedy="add --engine ray"
                )
        from renzheng.apps.batch import pairs, workers
        from renzheng.apps.batch import run as running
        from renzheng.images import file_list

        return Engine(pairs.read, running.run, workers.each, file_list.find)
    from renzheng.apps.batch import cluster

    cluster.require()
    for each in places:
        if isinstance(each, str) and "://" in each and not cluster.is_stored(each):
            raise InvalidInput(
                "this is no store that can be reached", source=each, remedy="e.g. s3://bucket/name"
            )
    engine = cluster.Engine(arguments.address, arguments.workers)
    return Engine(cluster.read_pairs, engine.run, engine.each, cluster.find)


@contextmanager
def output(arguments: argparse.Namespace) -> Iterator[None]:
    """Let ``arguments.out`` be a file here, and put it into the store that it was meant for.

    Raises
    ------
    InvalidInput
        If earlier work is to be gone on with, which there is none of in a store.
    RenzhengError
        If it cannot be written.
    """
    if isinstance(arguments.out, Path):
        yield
        return
    if arguments.resume:
        raise InvalidInput(
            "unfinished work is kept beside a file, and the output is in a store",
            source=arguments.out,
            remedy="write to a file, which can be resumed, and copy it",
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
