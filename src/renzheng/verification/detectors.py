"""The detector that a calibration, a template or a gallery was made with.

An embedding depends on where the landmarks lie, and detectors differ in that by some hundredths of
the distance of the eyes. Records that were written before there was a choice name no detector: they
are of the default one.
"""

from __future__ import annotations

from collections.abc import Mapping

from renzheng.models.defaults import DEFAULT_DETECTOR
from renzheng.models.packs import Pack


def described(pack: Pack) -> dict[str, str]:
    """Return the name, version and network digest of a detector's pack, as records keep them."""
    return {"name": pack.name, "version": pack.version, "network_digest": pack.network_digest}


def are_alike(record: object, other: object) -> bool:
    """Return whether two records name one detector.

    Parameters
    ----------
    record, other
        Tables that `described` made. Anything else stands for the default detector, and is compared
        by name.
    """
    digests = [
        each.get("network_digest") if isinstance(each, Mapping) else None
        for each in (record, other)
    ]
    if None in digests:
        return name_of(record) == name_of(other)
    return digests[0] == digests[1]


def name_of(record: object) -> str:
    """Return the name of the detector in a record, as `are_alike` reads it."""
    name = record.get("name") if isinstance(record, Mapping) else None
    return name if isinstance(name, str) else DEFAULT_DETECTOR
