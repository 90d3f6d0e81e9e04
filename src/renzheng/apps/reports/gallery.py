"""A search, or the pairs of a check, as one page with the pictures: for the person who has to look.

A gallery keeps no pictures. Where an entry's file is still there and has not changed, it is shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from renzheng.apps.reports import pages, thumbnails
from renzheng.apps.reports.verification import drawing
from renzheng.gallery.audit import DuplicateCheck
from renzheng.gallery.entries import (
    Entry,
    Identification,
    SearchDecision,
)
from renzheng.gallery.photographs import picture_of
from renzheng.gallery.rates import FalsePositiveRate
from renzheng.types import FalseMatchRate

_HEADLINES = {
    SearchDecision.IDENTIFIED: ("Identified", pages.GREEN),
    SearchDecision.NOT_IDENTIFIED: ("Not identified", pages.RED),
    SearchDecision.INCONCLUSIVE: ("Inconclusive", pages.AMBER),
    SearchDecision.NOT_COMPARABLE: ("Not comparable", pages.GREY),
}
_NO_RATE = "no rate holds: it and the probe both show too little of a face"
_LONGEST = 320  # px of a picture's longer side
MAX_PAIRS = 200  # on a page: some 10 MiB


def save_search(found: Identification, source: str, path: Path, *, measured: str = "") -> None:
    """Write a search as a page.

    Parameters
    ----------
    found
        The search.
    source
        The probe's name.
    path
        Ends in ``.html``; what was there is replaced whole or not at all.
    measured
        The people on whom the false match rates were measured; empty if that is not known.

    Raises
    ------
    InvalidInput
        If the name ends in anything else.
    RenzhengError
        If the file cannot be written.
    """
    headline, colours = _HEADLINES[found.decision]
    how = "" if found.exact else " by an index"
    figures = [("compared with", f"{found.searched:,} entries{how}")]
    if found.candidates:
        best = found.candidates[0]
        figures += [("distance", f"{best.distance:.4f}"), ("FPIR", _rate(best.fpir))]
    candidates = [
        _entry(
            each.entry,
            f"rank {each.rank}, distance {each.distance:.4f}",
            f"FMR {_rate(each.fmr)}, FPIR {_rate(each.fpir)}",
            "" if each.fmr is not None else _NO_RATE,
        )
        for each in found.candidates
    ]
    limit = f"{found.policy['max_fpir']:.2g}"
    pages.save(
        path,
        "gallery",
        title=f"{headline} · {source}",
        kicker="Search in a gallery",
        headline=headline,
        reason=found.reason[:1].upper() + found.reason[1:],
        figures=figures,
        note=pages.PRIVACY,
        colours=colours,
        probe=_probe(found, source),
        findings=[(str(each.severity), each.message) for each in found.findings],
        shelves=[("The nearest entries", candidates)],
        rows=[
            ("accepted", f"a false positive identification rate up to {limit}"),
            *_measured(measured),
            ("pack", " ".join(f"{name} {value}" for name, value in found.pack.items())),
        ],
    )


def save_check(found: DuplicateCheck, path: Path, *, measured: str = "") -> None:
    """Write the pairs of a check as a page; `path` and `measured` are as in `save_search`."""
    whole = len(found.pairs) + found.left_out
    shown = found.pairs[:MAX_PAIRS]
    reason = "They may be one person under two names, or two who look alike: compare the pictures."
    if whole > len(shown):
        reason += f" The nearest {len(shown):,} pairs are shown."
    shelves = []
    for pair in shown:
        title = f"distance {pair.distance:.4f}, FMR {pair.fmr}, FPIR {pair.fpir}"
        if pair.same_file:
            title += ". The files are the same, byte for byte"
        elif pair.same_photo is not None and pair.same_photo.same:
            title += ". They are one photograph"
        shelves.append((title, [_entry(entry) for entry in pair.entries]))
    headline = f"{whole:,} pair{'' if whole == 1 else 's'}" if whole else "Nobody"
    pages.save(
        path,
        "gallery",
        title=headline,
        kicker="One person under two names?",
        headline=headline,
        reason=reason if whole else "",
        note=pages.PRIVACY,
        colours=pages.AMBER if whole else pages.GREEN,
        probe=None,
        findings=(),
        shelves=shelves,
        rows=[*_without_rate(found.without_rate), *(_measured(measured) if shown else ())],
    )


def _without_rate(pairs: int) -> list[tuple[str, str]]:
    if not pairs:
        return []
    figure = f"{pairs:,}: both entries show too little of a face for any rate to hold"
    return [("As near, but not comparable", figure)]


def _rate(rate: FalseMatchRate | FalsePositiveRate | None) -> str:
    return "-" if rate is None else str(rate)


def _measured(measured: str) -> list[tuple[str, str]]:
    return [("FMR measured on", measured)] if measured else []


def _probe(found: Identification, source: str) -> dict[str, Any]:
    picture = None if found.probe is None else drawing.marked(found.probe)
    crop = None if found.probe is None else found.probe.crop
    return {
        "name": source,
        "picture": None if picture is None else thumbnails.address(picture),
        "crop": None if crop is None else thumbnails.address(crop),
    }


def _entry(entry: Entry, *lines: str) -> dict[str, Any]:
    picture, missing = picture_of(entry)
    if picture is not None:
        picture = thumbnails.shrunk(picture, _LONGEST)
    metadata = [f"{key}: {value}" for key, value in entry.metadata.items()]
    return {
        "person": entry.person,
        "picture": None if picture is None else thumbnails.address(picture),
        "missing": missing,
        "lines": [entry.id if entry.id != entry.person else "", *lines, *metadata, entry.source],
    }
