"""The groups as one page of small pictures that loads nothing."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

import cv2
import numpy as np

from renzheng import images
from renzheng._support import files
from renzheng.apps.reports.page import HEAD, STYLE, check
from renzheng.apps.reports.verification import drawing
from renzheng.apps.reports.verification.content import PRIVACY, plain
from renzheng.errors import RenzhengError
from renzheng.images.duplicates.results import Duplicates, Group, Item, Relation, sized

MOST_PICTURES = 2000  # on a page: some 15 MiB
_MOST_MEMBERS = 12  # of a group
_MOST_UNREAD = 100
_SHOWN = 200  # px of a picture's longer side

TITLES = {
    Relation.IDENTICAL: "Identical bytes",
    Relation.SAME: "The same picture",
    Relation.NEAR: "Near-duplicates",
    Relation.CHANGED: "Changed in part",
}

_OWN_STYLE = """
h1 { font-size:clamp(1.8rem, 5vw, 2.6rem); color:var(--ink); }
header { border-top-color:var(--genuine); }
.shelf { display:grid; grid-template-columns:repeat(auto-fill, minmax(170px, 1fr)); gap:16px; }
.shelf figure { border:1px solid var(--line); border-radius:8px; padding:10px; min-width:0; }
.shelf .keep { border:2px solid var(--genuine); }
.shelf img { display:block; width:100%; height:150px; object-fit:contain; }
.shelf .empty { min-height:150px; padding:8px; font-size:.86rem; }
.shelf figcaption { font-size:.82rem; line-height:1.35; padding-top:8px; overflow-wrap:anywhere; }
.shelf strong { color:var(--ink); }
.note { padding:12px 0 0; }
"""


def save(found: Duplicates, path: Path, *, command: str, most_groups: int = 200) -> None:
    """Write the page.

    Parameters
    ----------
    found
        What is there twice.
    path
        Ends in ``.html``.
    command
        What made it, for whoever wants to make it again.
    most_groups
        That are shown; the page says how many are not.

    Raises
    ------
    InvalidInput
        If the name does not fit.
    RenzhengError
        If the file cannot be written.
    """
    check(path)
    files.write(path, render(found, command=command, most_groups=most_groups))


def render(found: Duplicates, *, command: str, most_groups: int) -> bytes:
    """The page as UTF-8; parameters as of `save`."""
    style = STYLE.replace("VERDICT_LIGHT", "#12704a").replace("VERDICT_DARK", "#5fd39b")
    shelf = _Shelf()
    shown = found.groups[:most_groups]
    parts = [
        f"{HEAD}<title>Duplicates · renzheng</title>\n<style>{style}{_OWN_STYLE}</style>\n",
        "</head>\n<body>\n<main>\n",
        _opening(found, len(shown)),
        *(_group(number, group, shelf) for number, group in enumerate(shown, 1)),
        _unread(found),
        _rule(found, command),
        f'<p class="note">{escape(PRIVACY)}</p>\n</main>\n</body>\n</html>\n',
    ]
    return "".join(parts).encode("utf-8")


class _Shelf:
    """Draws pictures as long as there is room."""

    def __init__(self) -> None:
        self.left = MOST_PICTURES

    def picture(self, item: Item) -> str:
        if self.left <= 0:
            return '<div class="empty">not drawn: the page is full</div>'
        try:
            image = images.read(item.path)
        except RenzhengError as error:
            return f'<div class="empty">{escape(plain(error.reason))}</div>'
        self.left -= 1
        scale = min(1.0, _SHOWN / max(image.shape[:2]))
        size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        coded = base64.b64encode(drawing.jpeg(small, 80)).decode("ascii")
        name = escape(plain(item.path.name))
        return f'<img src="data:image/jpeg;base64,{coded}" alt="{name}">'


def _opening(found: Duplicates, shown: int) -> str:
    figures = (
        ("Pictures", f"{found.pictures:,}"),
        ("Groups", f"{len(found.groups):,}"),
        ("Files with the same bytes as another", f"{found.removable:,}"),
        ("They take", sized(found.frees)),
    )
    cells = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in figures)
    counts = found.counts()
    kinds = "; ".join(f"{TITLES[kind].lower()}: {counts[kind.value]}" for kind in Relation)
    told = f"Groups by kind: {kinds}. Nothing was removed, moved or changed."
    if shown < len(found.groups):
        told += f" Shown are {shown} of them, those that take most."
    return (
        '<header><p class="kicker">renzheng duplicates</p><h1>Pictures that are there twice</h1>'
        f'<p class="reason">{escape(told)}</p><dl class="figures">{cells}</dl></header>\n'
    )


def _group(number: int, group: Group, shelf: _Shelf) -> str:
    figures = [_figure(group.keep, f"Keep: {group.why}", shelf, best=True)]
    for member in group.members[:_MOST_MEMBERS]:
        title = member.relation.value.replace("_", " ")
        figures.append(_figure(member.item, f"{title}: {member.reason}", shelf))
    more = len(group.members) - _MOST_MEMBERS
    note = f'<p class="note">{more} more are in the JSON.</p>' if more > 0 else ""
    title = f"{number}. {TITLES[group.kind]}, {sized(group.frees)}"
    return (
        f'<section><h2>{escape(title)}</h2>\n<div class="shelf">{"".join(figures)}</div>{note}'
        "</section>\n"
    )


def _figure(item: Item, told: str, shelf: _Shelf, *, best: bool = False) -> str:
    name = escape(plain(str(item.path)))
    facts = f"{item.width} x {item.height} px, {sized(item.size)}"
    what, _, why = told.partition(": ")
    return (
        f"<figure{' class=keep' if best else ''}>{shelf.picture(item)}<figcaption>"
        f"<strong>{escape(what)}</strong>: {escape(why)}<br>{facts}<br><bdi>{name}</bdi>"
        "</figcaption></figure>"
    )


def _unread(found: Duplicates) -> str:
    if not found.unread:
        return ""
    rows = "".join(
        f'<tr><th scope="row"><bdi>{escape(plain(str(one.path)))}</bdi></th>'
        f"<td>{escape(plain(one.reason))}</td></tr>"
        for one in found.unread[:_MOST_UNREAD]
    )
    more = len(found.unread) - _MOST_UNREAD
    note = f'<p class="note">{more} more are in the JSON.</p>' if more > 0 else ""
    return (
        f"<section><h2>Unreadable ({len(found.unread)})</h2>\n<table><tbody>{rows}</tbody></table>"
        f"{note}</section>\n"
    )


def _rule(found: Duplicates, command: str) -> str:
    rows = [
        ("Command", command),
        ("Different byte by byte", f"{found.contents:,}"),
        ("Pictures of one colour", f"{found.plain:,}, told by their bytes only"),
        *((f"Passed over: {what}", f"{count:,}") for what, count in found.skipped.items()),
        ("Candidates not looked at", f"{found.dropped:,}"),
        *((name.replace("_", " ").capitalize(), str(v)) for name, v in found.rule.items()),
    ]
    body = "".join(
        f'<tr><th scope="row">{escape(plain(a))}</th><td>{escape(plain(b))}</td></tr>'
        for a, b in rows
    )
    return (
        '<section><h2>How it was decided</h2>\n<table class="facts"><tbody>'
        f"{body}</tbody></table></section>\n"
    )
