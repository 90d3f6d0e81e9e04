"""One photograph under two names: an error in the data that counts as a false match."""

from __future__ import annotations

import numpy as np

from renzheng import images
from renzheng.datasets.types import People, Picture
from renzheng.errors import NoFace, UnreadableImage
from renzheng.faces.selection import choose_face
from renzheng.types import Floats
from renzheng.verification.same_photo import PhotoDetail, compare_details, detail_of
from renzheng.verification.verifier import Verifier

# The number of pairs that are examined, as a share of the pictures, and its minimum: versions of
# one photograph are nearer than any two people. Where more than one picture in twenty is a repeat,
# the data has problems that this cannot repair.
_SHARE, _MIN_PAIRS = 0.05, 50
_PRODUCTS = 1 << 21  # computed at a time, so that sets of any size fit into memory


def find(verifier: Verifier, people: People, rows: Floats) -> dict[int, int]:
    """Find the pictures that repeat the photograph of an earlier one under another person's name.

    Sets in which every picture is meant to show another person show some people twice. Where it is
    the very same photograph (see `renzheng.verification.same_photo`), resized or coded again, there
    is no doubt about it, and at low rates a handful of such pairs outweighs all others. The nearest
    pairs are examined, a twentieth as many as there are pictures and at least 50. Two photographs
    of one person cannot be told from a false match, and stay.

    Parameters
    ----------
    verifier
        The verifier whose detector finds the faces.
    people
        The pictures.
    rows
        float32 (n, d): their embeddings, NaN where there is none.

    Returns
    -------
    dict
        The index of the earlier picture by that of the later.
    """
    acquired = np.flatnonzero(np.isfinite(rows[:, 0]))
    count = len(acquired)
    if count < 2:
        return {}
    examined = min(max(_MIN_PAIRS, round(_SHARE * count)), count * (count - 1) // 2)
    pairs = sorted(
        (int(acquired[one]), int(acquired[other]))
        for one, other in _nearest(rows[acquired], examined)
    )
    details: dict[int, PhotoDetail | None] = {}
    found: dict[int, int] = {}
    for one, other in pairs:
        if one in found or other in found or people.person[one] == people.person[other]:
            continue
        for index in (one, other):
            if index not in details:
                details[index] = _detail(verifier, people.pictures[index])
        first, second = details[one], details[other]
        if first is not None and second is not None and compare_details(first, second).same:
            found[other] = one
    return found


def _nearest(rows: Floats, max_pairs: int) -> list[tuple[int, int]]:
    """Return the nearest pairs of rows, each as two indices with the smaller first."""
    count = len(rows)
    products = np.empty(0, np.float32)  # of unit vectors: the larger, the nearer
    pairs = np.empty((0, 2), np.intp)
    block = max(1, _PRODUCTS // count)
    for start in range(0, count, block):
        found = rows[start : start + block] @ rows.T
        found[np.arange(start, start + len(found))[:, None] >= np.arange(count)] = -np.inf
        products = np.concatenate([products, found.ravel()])
        place = np.arange(start * count, start * count + found.size)
        pairs = np.concatenate([pairs, np.stack([place // count, place % count], axis=1)])
        if len(products) > max_pairs:
            first = len(products) - max_pairs
            kept = np.argpartition(products, first)[first:]
            products, pairs = products[kept], pairs[kept]
    return [(int(one), int(other)) for one, other in pairs[np.isfinite(products)]]


def _detail(verifier: Verifier, picture: Picture) -> PhotoDetail | None:
    try:
        image = images.read(picture.source, limits=verifier.limits)
        face = choose_face(verifier.face_models.detect(image), image.shape[1::-1])
    except (NoFace, UnreadableImage):
        return None
    return detail_of(image, face)
