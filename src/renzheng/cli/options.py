"""Options that several commands share, and what is made of them."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from renzheng.cores import cores
from renzheng.errors import InvalidInput

if TYPE_CHECKING:
    from renzheng.verifier import Verifier

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
        default="dlib-resnet",
        metavar="PACK",
        help="embedding pack: a name (`renzheng packs list`) or a folder (default: dlib-resnet)",
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


def verifier(
    options: argparse.Namespace, more: Callable[[], dict[str, Any]] | None = None
) -> Verifier:
    """The verifier that the options ask for.

    Parameters
    ----------
    options
        Of `add_pack` and `add_detection`.
    more
        Gives what else the verifier is told, or raises InvalidInput: before packs are built, and
        while those that are there are checked.

    Raises
    ------
    InvalidInput, PackError
        As of `Verifier`.
    """
    from concurrent.futures import ThreadPoolExecutor

    from renzheng import packs

    check_threads(options)
    threads, backend = options.threads, getattr(options, "backend", None)
    named = getattr(options, "pack", packs.DEFAULT_EMBEDDER)
    # Files are checked and networks load outside Python's lock, while libraries are imported. The
    # order is that of need: the embedding network takes longest, and no OpenCV.
    with ThreadPoolExecutor(2, "early") as early:
        built = [early.submit(packs.built, each) for each in (named, packs.DEFAULT_DETECTOR)]
        from renzheng.runtime import chosen, computing

        backend = chosen(backend)
        with _uninterrupted():
            computing(backend)
        from renzheng.embedding import Embedder

        def load(pack: packs.Pack) -> Embedder:
            return Embedder.from_pack(pack, threads, backend=backend, wait=False)

        found = built[0].result()
        embedder = None if found is None else load(found)
        told = {} if more is None else more()
        pack = found or packs.of_kind("embedder", named)
        embedder = embedder or load(pack)
        from renzheng.detection import Detector

        detector_pack = built[1].result() or packs.of_kind("detector", packs.DEFAULT_DETECTOR)
        detector = early.submit(
            Detector.from_folder,
            detector_pack.folder,
            threads=threads,
            backend=backend,
            min_face_size=options.min_face_size,
        )
        from PIL import JpegImagePlugin  # noqa: F401  # the first picture would wait for it

        from renzheng.instruments import Instruments
        from renzheng.verifier import Verifier

        instruments = Instruments.of(pack, embedder, detector_pack, detector.result())
    return Verifier(instruments=instruments, threads=threads, backend=backend, **told)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let an interrupt (Ctrl-C) wait: within the import of a compiled module it is no interrupt any
    more, but an ImportError."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # nobody is told, or interrupts are ignored
        return
    asked: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if asked:
        before(signal.SIGINT, None)


def print_json(value: Any) -> None:
    """One JSON document on standard output; any character that it can show is kept readable."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        # The stream's own escapes (\\xe4, \\U0001f600) are not JSON's.
        text = json.dumps(value, indent=2)
    print(text)
