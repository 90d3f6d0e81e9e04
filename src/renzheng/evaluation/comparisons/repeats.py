"""One photograph under two names: a mistake of the data that counts as a false match."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from renzheng import images
from renzheng.datasets.types import People
from renzheng.errors import NoFace, UnreadableImage
from renzheng.faces.selection import choose_face
from renzheng.types import Floats
from renzheng.verification.same_photo import PhotoDetail, compare_details, detail_of
from renzheng.verification.verifier import Verifier

# Pairs that are looked at: versions of one photograph are nearer than anybody else. Where more
# than one picture in twenty is a repeat, the data has other troubles than this can mend.
_SHARE, _FEWEST = 0.05, 50
_PRODUCTS = 1 << 21  # at a time, so that sets of any size fit into memory


def find(verifier: Verifier, people: People, rows: Floats) -> dict[int, int]:
    """Return which pictures show the photograph of an earlier one that is said to be of another.

    Sets in which every picture is another person hold some people twice. Where it is the very
    photograph (see `renzheng.verification.same_photo`), resized or coded anew, there is no doubt
    about it; and
    at low rates a handful of such pairs outweighs all others. The nearest pairs are looked at, a
    twentieth as many as there are pictures and at least 50. Two photographs of one person cannot
    be told from a false match, and stay.

    Parameters
    ----------
    verifier
        The detector to find heads with.
    people
        Pictures in which faces are to be found.
    rows
        float32 (n, d): the embeddings of its pictures, not-a-number where there is none.

    Returns
    -------
    dict
        The index of the earlier picture by that of the later.
    """
    acquired = np.flatnonzero(np.isfinite(rows[:, 0]))
    count = len(acquired)
    if count < 2:
        return {}
    looked = min(max(_FEWEST, round(_SHARE * count)), count * (count - 1) // 2)
    pairs = sorted(
        (int(acquired[one]), int(acquired[other]))
        for one, other in _nearest(rows[acquired], looked)
    )
    heads: dict[int, PhotoDetail | None] = {}
    found: dict[int, int] = {}
    for one, other in pairs:
        if one in found or other in found or people.person[one] == people.person[other]:
            continue
        for index in (one, other):
            if index not in heads:
                heads[index] = _head(verifier, people.pictures[index].source)
        first, second = heads[one], heads[other]
        if first is not None and second is not None and compare_details(first, second).same:
            found[other] = one
    return found


def _nearest(rows: Floats, most: int) -> list[tuple[int, int]]:
    """Return the nearest pairs of rows, as indices of which the first is smaller."""
    count = len(rows)
    products = np.empty(0, np.float32)  # of unit vectors: the larger the nearer
    pairs = np.empty((0, 2), np.intp)
    block = max(1, _PRODUCTS // count)
    for start in range(0, count, block):
        found = rows[start : start + block] @ rows.T
        found[np.arange(start, start + len(found))[:, None] >= np.arange(count)] = -np.inf
        products = np.concatenate([products, found.ravel()])
        place = np.arange(start * count, start * count + found.size)
        pairs = np.concatenate([pairs, np.stack([place // count, place % count], axis=1)])
        if len(products) > most:
            kept = np.argpartition(products, len(products) - most)[len(products) - most :]
            products, pairs = products[kept], pairs[kept]
    return [(int(one), int(other)) for one, other in pairs[np.isfinite(products)]]


def _head(verifier: Verifier, source: Path | bytes) -> PhotoDetail | None:
    try:
        image = images.read(source, limits=verifier.limits)
        face = choose_face(verifier.face_models.detect(image), image.shape[1::-1])
    except (NoFace, UnreadableImage):
        return None
    return detail_of(image, face)
