"""Loading what a command works with, while its libraries are imported."""

from __future__ import annotations

import argparse
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from renzheng.apps.cli.options import check_threads

if TYPE_CHECKING:
    from renzheng.verification.verifier import Verifier


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

    from renzheng.models import packs

    check_threads(options)
    threads, backend = options.threads, getattr(options, "backend", None)
    named = getattr(options, "pack", packs.DEFAULT_EMBEDDER)
    # Files are checked and networks load outside Python's lock, while libraries are imported. The
    # order is that of need: the embedding network takes longest, and no OpenCV.
    with ThreadPoolExecutor(2, "early") as early:
        built = [early.submit(packs.built, each) for each in (named, packs.DEFAULT_DETECTOR)]
        from renzheng.models.runtime import computing

        with _uninterrupted():
            computing(backend)
        from renzheng.faces.embedding import Embedder

        def load(pack: packs.Pack) -> Embedder:
            return Embedder.from_pack(pack, threads, backend=backend, wait=False)

        found = built[0].result()
        embedder = None if found is None else load(found)
        told = {} if more is None else more()
        pack = found or packs.of_kind("embedder", named)
        embedder = embedder or load(pack)
        from renzheng.faces.detection import Detector

        detector_pack = built[1].result() or packs.of_kind("detector", packs.DEFAULT_DETECTOR)
        detector = early.submit(
            Detector.from_folder,
            detector_pack.folder,
            threads=threads,
            backend=backend,
            min_face_size=options.min_face_size,
        )
        from PIL import JpegImagePlugin  # noqa: F401  # the first picture would wait for it

        from renzheng.verification.face_models import FaceModels
        from renzheng.verification.verifier import Verifier

        instruments = FaceModels.of(pack, embedder, detector_pack, detector.result())
    return Verifier(face_models=instruments, threads=threads, backend=backend, **told)


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
