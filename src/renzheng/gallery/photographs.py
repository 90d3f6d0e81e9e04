"""The pictures that entries were made from: a gallery keeps none, but often the files exist."""

from __future__ import annotations

import hashlib

from renzheng import images
from renzheng.errors import RenzhengError
from renzheng.gallery.entries import Entry
from renzheng.types import Capture, Image, Role, SamePhoto
from renzheng.verification.same_photo import compare_images
from renzheng.verification.verifier import Verifier


def picture_of(entry: Entry) -> tuple[Image | None, str]:
    """Return an entry's picture if its file is still the enrolled one, and otherwise why not."""
    if not entry.picture or not entry.source:
        return None, "its picture is not known"
    try:
        data = images.read_bytes(entry.source)
        if hashlib.sha256(data).hexdigest() != entry.picture:
            return None, "its file is another one now"
        return images.read(data), ""
    except RenzhengError:
        return None, "its file is not here"


def same_photograph(one: Entry, other: Entry, verifier: Verifier) -> SamePhoto | None:
    """Compare the photographs of two entries; None where a file is missing or has changed."""
    sides: list[Capture] = []
    for entry in (one, other):
        picture, _ = picture_of(entry)
        if picture is None:
            return None
        sides.append(verifier.acquire(picture, Role.PHOTO))
    (image, face), (other_image, other_face) = ((side.image, side.face) for side in sides)
    if image is None or face is None or other_image is None or other_face is None:
        return None
    return compare_images(image, face, other_image, other_face)
