"""A search, or the pairs of a check, as one page with the pictures: for the person who has to look.

A gallery keeps no pictures. Where an entry's file is still there and has not changed, it is shown.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import cv2
import numpy as np

from renzheng._support import files
from renzheng.apps.reports import page
from renzheng.apps.reports.verification import content, drawing
from renzheng.errors import InvalidInput
from renzheng.gallery.entries import (
    Candidate,
    DuplicateEnrolment,
    Entry,
    Identification,
    SearchDecision,
)
from renzheng.gallery.photographs import picture_of
from renzheng.types import Decision, Image

_HEADLINES = {
    SearchDecision.IDENTIFIED: ("Identified", Decision.MATCH),
    SearchDecision.NOT_IDENTIFIED: ("Not identified", Decision.NO_MATCH),
    SearchDecision.INCONCLUSIVE: ("Inconclusive", Decision.INCONCLUSIVE),
    SearchDecision.NOT_COMPARABLE: ("Not comparable", Decision.NOT_COMPARABLE),
}
_SHOWN = 320  # px of a picture's longer side
MOST_PAIRS = 200  # on a page: some 10 MiB
_OWN_STYLE = """
.shelf { display:grid; grid-template-columns:repeat(auto-fill, minmax(190px, 1fr)); gap:16px; }
.shelf figure { border:1px solid var(--line); border-radius:8px; padding:12px; min-width:0; }
.shelf img { display:block; width:100%; height:200px; object-fit:contain; }
.shelf .empty { min-height:200px; padding:8px; font-size:.86rem; }
.shelf figcaption { font-size:.88rem; line-height:1.4; padding-top:8px; overflow-wrap:anywhere; }
.shelf strong { color:var(--ink); }
"""


def check(path: Path) -> None:
    """Make sure that a page can have this name.

    Raises
    ------
    InvalidInput
        If it does not end in ``.html``.
    """
    if path.suffix.lower() != ".html":
        raise InvalidInput("the report is a web page", source=str(path), remedy="name it .html")


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
        On whom the false match rates were measured; empty where nobody wrote it down.

    Raises
    ------
    InvalidInput
        If the name ends in anything else.
    RenzhengError
        If the file cannot be written.
    """
    check(path)
    headline, like = _HEADLINES[found.decision]
    how = "" if found.exact else " by an index"
    figures = [("compared with", f"{found.searched:,} entries{how}")]
    if found.candidates:
        best = found.candidates[0]
        figures += [("distance", f"{best.distance:.4f}"), ("FPIR", str(best.fpir))]
    parts = [
        _header("Search in a gallery", headline, found.reason, figures),
        _probe(found, source),
        _warnings(found),
        '<section><h2>The nearest entries</h2>\n<div class="shelf">\n',
        *(_candidate(each) for each in found.candidates),
        "</div></section>\n" if found.candidates else "<p>none</p></div></section>\n",
        _facts(
            [
                ("accepted", f"a false positive identification rate up to {_rate(found)}"),
                *([("FMR measured on", measured)] if measured else []),
                ("pack", " ".join(f"{name} {value}" for name, value in found.pack.items())),
            ]
        ),
    ]
    files.write(path, _page(f"{headline} · {content.plain(source)}", parts, like))


def save_check(
    pairs: Sequence[DuplicateEnrolment], left_out: int, path: Path, *, measured: str = ""
) -> None:
    """Write the pairs of a check as a page; the parameters are as in `save_search`."""
    check(path)
    whole = len(pairs) + left_out
    shown = pairs[:MOST_PAIRS]
    reason = "They may be one person under two names, or two who look alike: compare the pictures."
    if whole > len(shown):
        reason += f" The nearest {len(shown):,} pairs are shown."
    headline = f"{whole:,} pair{'' if whole == 1 else 's'}" if whole else "Nobody"
    parts = [_header("One person under two names?", headline, reason if whole else "", [])]
    for pair in shown:
        told = f"distance {pair.distance:.4f}, FMR {pair.fmr}, FPIR {pair.fpir}"
        if pair.same_file:
            told += ". The files are the same, byte for byte"
        elif pair.same_photo is not None and pair.same_photo.same:
            told += ". They are one photograph"
        parts.append(f'<section><h2>{escape(told)}</h2>\n<div class="shelf">\n')
        parts += [_entry(entry, []) for entry in pair.entries]
        parts.append("</div></section>\n")
    if shown and measured:
        parts.append(_facts([("FMR measured on", measured)]))
    like = Decision.INCONCLUSIVE if whole else Decision.MATCH
    files.write(path, _page(headline, parts, like))


def _page(title: str, parts: Iterable[str], like: Decision) -> bytes:
    light, dark = content.COLOURS[like]
    style = page.STYLE.replace("VERDICT_LIGHT", light).replace("VERDICT_DARK", dark) + _OWN_STYLE
    text = (
        f"{page.HEAD}<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(parts)}"
        f'<p class="note">{escape(content.PRIVACY)}</p>\n</main>\n</body>\n</html>\n'
    )
    return text.encode("utf-8")


def _header(kicker: str, headline: str, reason: str, figures: Sequence[tuple[str, str]]) -> str:
    shown = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in figures)
    sentence = content.plain(reason[:1].upper() + reason[1:])
    return (
        f'<header>\n<p class="kicker">{kicker}</p>\n<h1>{escape(headline)}</h1>\n'
        f'<p class="reason">{escape(sentence)}</p>\n'
        + (f'<dl class="figures">{shown}</dl>\n' if figures else "")
        + "</header>\n"
    )


def _probe(found: Identification, source: str) -> str:
    name = escape(content.plain(source))
    picture = None if found.probe is None else drawing.marked(found.probe)
    if picture is None:
        shown = '<div class="empty">no picture</div>'
    else:
        shown = f'<img class="picture" src="{_data_uri(picture)}" alt="the probe, {name}">'
    crop = None if found.probe is None else found.probe.crop
    below = ""
    if crop is not None:
        below = f'<div class="below"><img src="{_data_uri(crop)}" alt="its aligned face"></div>'
    return (
        f'<section><figure>\n<h2>The probe</h2>\n<p class="name"><bdi>{name}</bdi></p>\n'
        f"{shown}{below}\n</figure></section>\n"
    )


def _warnings(found: Identification) -> str:
    if not found.findings:
        return ""
    items = "".join(
        f"<li><strong>{escape(str(each.severity))}:</strong> {escape(each.message)}</li>"
        for each in found.findings
    )
    return f'<section><h2>Warnings</h2>\n<ul class="warnings">{items}</ul></section>\n'


def _candidate(each: Candidate) -> str:
    return _entry(
        each.entry,
        [
            f"rank {each.rank}, distance {each.distance:.4f}",
            f"FMR {each.fmr}, FPIR {each.fpir}",
        ],
    )


def _entry(entry: Entry, lines: Sequence[str]) -> str:
    picture, why = picture_of(entry)
    if picture is None:
        shown = f'<div class="empty">{escape(why)}</div>'
    else:
        name = escape(content.plain(entry.person))
        shown = f'<img src="{_data_uri(_small(picture))}" alt="the picture of {name}">'
    metadata = [f"{key}: {value}" for key, value in entry.metadata.items()]
    told = [entry.id if entry.id != entry.person else "", *lines, *metadata, entry.source]
    below = "<br>".join(escape(content.plain(each)) for each in told if each)
    who = escape(content.plain(entry.person))
    return f"<figure>{shown}<figcaption><strong>{who}</strong><br>{below}</figcaption></figure>\n"


def _small(image: Image) -> Image:
    scale = _SHOWN / max(image.shape[:2])
    if scale >= 1:
        return image
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _facts(rows: Sequence[tuple[str, str]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(a)}</th><td>{escape(content.plain(b))}</td></tr>'
        for a, b in rows
    )
    return (
        '<section><h2>How it was decided</h2>\n<table class="facts"><tbody>'
        f"{body}</tbody></table></section>\n"
    )


def _rate(found: Identification) -> str:
    return f"{found.policy['max_fpir']:.2g}"


def _data_uri(image: Image) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(drawing.jpeg(image)).decode("ascii")
