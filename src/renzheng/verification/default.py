"""Verification in one call, with a verifier of the default packs that all callers share."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Any

from renzheng.types import Comparison, Face, Floats, Image, Verification
from renzheng.verification.policy import Policy
from renzheng.verification.verifier import Verifier

_lock = threading.Lock()


@lru_cache(maxsize=1)
def _make_verifier() -> Verifier:
    return Verifier()


def _shared_verifier() -> Verifier:
    with _lock:  # two threads at the start would otherwise load the packs twice
        return _make_verifier()


def verify(reference: Any, probe: Any, policy: Policy | None = None) -> Verification:
    """Decide whether two pictures show the same person; see `Verifier.verify`."""
    verifier = _shared_verifier()
    if policy is None or policy == verifier.policy:
        return verifier.verify(reference, probe)
    return verifier.with_policy(policy).verify(reference, probe)


def detect(picture: Any) -> list[Face]:
    """Return all faces of a picture, the largest first; see `Verifier.detect`."""
    return _shared_verifier().detect(picture)


def align(picture: Any, face: Face | None = None) -> Image:
    """Return the aligned face, uint8 (size, size, 3) RGB; see `Verifier.align`."""
    return _shared_verifier().align(picture, face)


def embed(picture: Any, face: Face | None = None) -> Floats:
    """Return the embedding of a face, float32 (d,), unit length; see `Verifier.embed`."""
    return _shared_verifier().embed(picture, face)


def compare(reference: Floats, probe: Floats) -> Comparison:
    """Compare two embeddings of the default pack; see `Verifier.compare`."""
    return _shared_verifier().compare(reference, probe)
