"""The verifier of a command, whose networks load while libraries are imported."""

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


def load(
    arguments: argparse.Namespace, more: Callable[[], dict[str, Any]] | None = None
) -> Verifier:
    """Load the verifier that the options ask for.

    Parameters
    ----------
    arguments
        The options of `options.add_pack` and `options.add_detection`.
    more
        A function that returns further arguments of `Verifier`, or raises InvalidInput. It is
        called before packs are built, and while those already built are checked.

    Raises
    ------
    InvalidInput, PackError
        As for `Verifier`.
    """
    from concurrent.futures import ThreadPoolExecutor

    from renzheng.models import packs

    check_threads(arguments)
    threads, backend = arguments.threads, getattr(arguments, "backend", None)
    name = getattr(arguments, "pack", packs.DEFAULT_EMBEDDER)
    detection = getattr(arguments, "detector", packs.DEFAULT_DETECTOR)
    # Files are checked and networks load outside Python's lock, while libraries are imported. The
    # embedding network comes first: it takes longest and does not need OpenCV.
    with ThreadPoolExecutor(2, "early") as early:
        built = [early.submit(packs.built, each) for each in (name, detection)]
        from renzheng.models.runtime import load_backend

        with _uninterrupted():
            load_backend(backend)
        from renzheng.faces.face_embedder import FaceEmbedder, load_embedder

        def embedder_of(pack: packs.Pack) -> FaceEmbedder:
            return load_embedder(pack, threads, backend=backend, wait=False)

        found = built[0].result()
        embedder = None if found is None else embedder_of(found)
        further = {} if more is None else more()
        pack = found or packs.of_kind("embedder", name)
        embedder = embedder or embedder_of(pack)
        from renzheng.faces.detection import load_detector

        detector_pack = built[1].result() or packs.of_kind("detector", detection)
        detector = early.submit(
            load_detector,
            detector_pack,
            threads=threads,
            backend=backend,
            min_face_size=arguments.min_face_size,
        )
        from PIL import JpegImagePlugin  # noqa: F401  # or the first picture would wait

        from renzheng.verification.face_models import FaceModels
        from renzheng.verification.verifier import Verifier

        face_models = FaceModels.of(pack, embedder, detector_pack, detector.result())
    return Verifier(face_models=face_models, threads=threads, backend=backend, **further)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Defer an interrupt (Ctrl-C): in the import of a compiled module it turns into ImportError."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield  # interrupts do not come here, or are ignored
        return
    received: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: received.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if received:
        before(signal.SIGINT, None)
