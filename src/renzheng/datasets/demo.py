"""Pictures of the demo: a portrait in the public domain, and its scan from a specimen card."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from renzheng._support import files
from renzheng.datasets import specimens
from renzheng.errors import RenzhengError
from renzheng.faces.selection import choose_face
from renzheng.types import Face, Image
from renzheng.verification.verifier import Verifier


def original() -> Image:
    """Return NASA's portrait of Eileen Collins, public domain, as scikit-image carries it.

    Returns
    -------
    uint8 (512, 512, 3) RGB

    Raises
    ------
    RenzhengError
        If scikit-image is not installed.
    """
    remedy = "pip install 'renzheng[demo]'"
    package = find_spec("skimage")
    if package is None or not package.submodule_search_locations:
        raise RenzhengError("the demo's portrait comes with scikit-image", remedy=remedy)
    # Read from the package's folder: skimage.data may download, and importing it takes a second.
    path = Path(next(iter(package.submodule_search_locations))) / "data" / "astronaut.png"
    try:
        coded = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as error:
        raise RenzhengError(
            f"the demo's portrait cannot be read: {error.strerror}", source=str(path), remedy=remedy
        ) from error
    pixels = cv2.imdecode(coded, cv2.IMREAD_COLOR) if coded.size else None
    if pixels is None:
        raise RenzhengError("the demo's portrait is damaged", source=str(path), remedy=remedy)
    return np.ascontiguousarray(pixels[:, :, ::-1], np.uint8)


def specimen(original: Image, face: Face, *, seed: int = 0) -> Image:
    """Print a face on a specimen card and scan it.

    Parameters
    ----------
    original
        uint8 (H, W, 3) RGB.
    face
        The face in `original` that goes onto the card.
    seed
        Chooses the card's holder and what varies from scan to scan.

    Returns
    -------
    uint8 (H', W', 3) RGB
    """
    card = specimens.make(original, face, layout="id1-left", seed=seed)
    return specimens.CAPTURES["scan-300"].apply(card, seed).image


def write_pictures(verifier: Verifier, folder: Path) -> tuple[Path, Path]:
    """Write the demo's two pictures.

    Returns
    -------
    tuple
        The paths of ``card.png``, a scan of a specimen card, and of ``portrait.png``.

    Raises
    ------
    RenzhengError
        If scikit-image is not installed or the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RenzhengError(
            f"the folder cannot be made: {error.strerror}",
            source=str(folder),
            remedy="name another folder",
        ) from error
    portrait = original()
    face = choose_face(verifier.detect(portrait), (portrait.shape[1], portrait.shape[0]))
    paths = folder / "card.png", folder / "portrait.png"
    for path, image in zip(paths, (specimen(portrait, face), portrait), strict=True):
        _, coded = cv2.imencode(".png", image[:, :, ::-1])
        files.write(path, coded.tobytes())
    return paths
