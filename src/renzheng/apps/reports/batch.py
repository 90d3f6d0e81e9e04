"""What a run came to as one page that loads nothing, without faces unless they are asked for."""

from __future__ import annotations

import base64
import heapq
from collections.abc import Iterable
from html import escape
from pathlib import Path

import cv2
import numpy as np

from renzheng import images
from renzheng._support import files
from renzheng.apps.batch.pairs import picture
from renzheng.apps.batch.steps import Answer
from renzheng.apps.batch.verification import Done
from renzheng.apps.reports.page import HEAD, STYLE, check
from renzheng.apps.reports.verification import drawing
from renzheng.apps.reports.verification.content import PRIVACY, plain
from renzheng.errors import RenzhengError
from renzheng.verification.populations import of_calibration
from renzheng.verification.verifier import Verifier

_NEAREST = 20  # rows
_CELLS, _END = 80, 1.6  # of the histogram; a distance beyond its end counts in the last cell
_WIDE, _HIGH, _TOP, _BOTTOM, _SIDE = 920.0, 300.0, 16.0, 240.0, 12.0
_SHOWN = 160  # px of a picture's longer side
_COLOURS = {
    "match": "--genuine",
    "inconclusive": "--zone",
    "no_match": "--impostor",
    "not_comparable": "--soft",
}
_OWN_STYLE = """
h1 { font-size:clamp(1.8rem, 5vw, 2.6rem); color:var(--ink); }
header { border-top-color:var(--genuine); }
thead th:first-child { width:auto; }
.number { text-align:right; }
.number, .word, thead th { white-space:nowrap; overflow-wrap:normal; }
td img { display:block; max-width:120px; max-height:120px; margin-bottom:4px; }
.wide { overflow-x:auto; }
.note { padding:12px 0 0; }
"""
_WITHOUT_FACES = (
    "This page shows no pictures, but it names them and says who was taken for whom: that is "
    "personal data. Keep it only as long as needed."
)


def save(
    done: Done, path: Path, verifier: Verifier, *, command: str, pictures: bool = False
) -> None:
    """Write the page.

    Parameters
    ----------
    done
        The run.
    path
        Ends in ``.html``.
    verifier
        That decided.
    command
        What made it.
    pictures
        Whether small pictures of the nearest rows are shown.

    Raises
    ------
    InvalidInput
        If the name does not fit.
    RenzhengError
        If the file cannot be written.
    """
    check(path)
    files.write(path, render(done, verifier, command=command, pictures=pictures))


def render(done: Done, verifier: Verifier, *, command: str, pictures: bool) -> bytes:
    """The page as UTF-8; parameters as of `save`."""
    style = STYLE.replace("VERDICT_LIGHT", "#12704a").replace("VERDICT_DARK", "#5fd39b")
    assert verifier.calibration is not None  # a policy was applied
    threshold = verifier.calibration.threshold_at(verifier.policy.max_fmr)
    note = PRIVACY if pictures else _WITHOUT_FACES
    parts = [
        f"{HEAD}<title>Batch verification · renzheng</title>\n",
        f"<style>{style}{_OWN_STYLE}</style>\n</head>\n<body>\n<main>\n",
        _opening(done),
        _counts("Not comparable, by reason", "Reason", done.summary.failures, done.summary.rows),
        _histogram(done.answers(), threshold),
        _nearest(done, threshold, pictures),
        _counts("Findings", "Finding", done.summary.warnings, done.summary.rows),
        _rule(done, verifier, command),
        f'<p class="note">{escape(note)}</p>\n</main>\n</body>\n</html>\n',
    ]
    return "".join(parts).encode("utf-8")


def _opening(done: Done) -> str:
    summary = done.summary
    figures = [("Rows", f"{summary.rows:,}"), ("Pictures", f"{summary.pictures:,}")]
    for decision, count in summary.decisions.items():
        label = decision.replace("_", " ").capitalize()
        figures.append((label, f"{count:,} ({count / max(summary.rows, 1):.1%})"))
    cells = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in figures)
    return (
        '<header><p class="kicker">renzheng batch</p><h1>Pairs of pictures, verified</h1>'
        f'<dl class="figures">{cells}</dl></header>\n'
    )


def _counts(title: str, head: str, counts: dict[str, int], rows: int) -> str:
    if not counts:
        return ""
    body = "".join(
        f'<tr><th scope="row">{escape(plain(name))}</th><td class="number">{count:,}</td>'
        f'<td class="number">{count / max(rows, 1):.2%}</td></tr>'
        for name, count in counts.items()
    )
    return (
        f"<section><h2>{escape(title)}</h2>\n<table><thead><tr><th>{escape(head)}</th>"
        '<th class="number">Rows</th><th class="number">Share</th></tr></thead>'
        f"<tbody>{body}</tbody></table></section>\n"
    )


def _histogram(answers: Iterable[Answer], threshold: float) -> str:
    counts = {name: np.zeros(_CELLS, np.int64) for name in ("match", "inconclusive", "no_match")}
    for answer in answers:
        distance, decision = answer.cells["distance"], str(answer.cells["decision"])
        if isinstance(distance, float) and decision in counts:
            counts[decision][min(int(distance / _END * _CELLS), _CELLS - 1)] += 1
    top = int(sum(counts.values(), np.zeros(_CELLS, np.int64)).max())
    if not top:
        return ""
    width = (_WIDE - 2 * _SIDE) / _CELLS
    marks = []
    floor = np.zeros(_CELLS)
    for decision, cells in counts.items():
        for k in np.flatnonzero(cells):
            high = float(cells[k]) / top * (_BOTTOM - _TOP)
            marks.append(
                f'<rect x="{_SIDE + k * width:.1f}" y="{_BOTTOM - floor[k] - high:.1f}" '
                f'width="{width - 1:.1f}" height="{high:.1f}" '
                f'style="fill:var({_COLOURS[decision]})"/>'
            )
            floor[k] += high
    x = _SIDE + threshold / _END * (_WIDE - 2 * _SIDE)
    marks.append(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_BOTTOM}" '
        'style="stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 4"/>'
        f'<line x1="{_SIDE}" x2="{_WIDE - _SIDE}" y1="{_BOTTOM}" y2="{_BOTTOM}" '
        'style="stroke:var(--soft)"/>'
    )
    for tick in np.arange(0, _END + 0.01, 0.2):
        place = _SIDE + tick / _END * (_WIDE - 2 * _SIDE)
        anchor = "start" if tick == 0 else "end" if tick > _END - 0.01 else "middle"
        marks.append(
            f'<text x="{place:.1f}" y="{_BOTTOM + 22}" text-anchor="{anchor}">{tick:.1f}</text>'
        )
    told = (
        f"Distances of the compared pairs, in cells of {_END / _CELLS:g}; the highest column is "
        f"{top:,} rows. Match (green) up to the dashed line at {threshold:.3f}, inconclusive "
        "(yellow), no match (red). A match that a finding rules out counts as inconclusive."
    )
    return (
        "<section><h2>How far apart the pairs lie</h2>\n<figure>"
        f'<svg class="plot" viewBox="0 0 {_WIDE:g} {_HIGH - 30:g}" role="img" '
        f'aria-label="{escape(told)}">{"".join(marks)}</svg>'
        f"<figcaption>{escape(told)}</figcaption></figure></section>\n"
    )


def _nearest(done: Done, threshold: float, pictures: bool) -> str:
    """The rows that hang most on where the threshold lies."""

    def away(item: tuple[int, Answer]) -> float:
        distance = item[1].cells["distance"]
        return abs(distance - threshold) if isinstance(distance, float) else float("inf")

    compared = (item for item in enumerate(done.answers()) if item[1].cells["distance"] is not None)
    nearest = heapq.nsmallest(_NEAREST, compared, key=away)
    if not nearest:
        return ""
    pairs = done.pairs
    rows = []
    for row, answer in nearest:
        names = [pairs.rows[row][k] for k in (pairs.reference, pairs.probe)]
        shown = [_shown(name, pairs.root) if pictures else "" for name in names]
        sides = "".join(
            f"<td>{small}<bdi>{escape(plain(name))}</bdi></td>"
            for small, name in zip(shown, names, strict=True)
        )
        cells = answer.cells
        bound = "at most " if cells["fmr_at_most"] else ""
        rows.append(
            f'<tr><td class="number">{row + 1:,}</td>{sides}'
            f'<td class="number">{cells["distance"]:.4f}</td>'
            f'<td class="number">{bound}{cells["fmr"]:.2g}</td>'
            f"<td class=word>{escape(str(cells['decision']).replace('_', ' '))}</td></tr>"
        )
    return (
        "<section><h2>The rows nearest to the threshold</h2>\n<div class=wide><table><thead><tr>"
        '<th class="number">Row</th><th>Reference</th><th>Probe</th><th class="number">Distance'
        '</th><th class="number">FMR</th><th>Decision</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div></section>\n"
    )


def _shown(cell: str, root: Path) -> str:
    try:
        image = images.read(picture(cell, "photo", root).path)
    except RenzhengError:
        return ""  # it was there; its name says which it was
    scale = min(1.0, _SHOWN / max(image.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in image.shape[1::-1])
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    coded = base64.b64encode(drawing.jpeg(small, 80)).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{coded}" alt="">'


def _rule(done: Done, verifier: Verifier, command: str) -> str:
    from renzheng.apps.batch.conditions import conditions

    rows = [("Command", command), *conditions(verifier).items(), ("table", done.pairs.digest)]
    measured = of_calibration(verifier.calibration)
    if measured:
        rows.append(("FMR measured on", measured))
    rows.append(("Pictures that have changed since they were read", str(done.summary.changed)))
    body = "".join(
        f'<tr><th scope="row">{escape(plain(a))}</th><td>{escape(plain(b))}</td></tr>'
        for a, b in rows
    )
    return (
        '<section><h2>How it was decided</h2>\n<table class="facts"><tbody>'
        f"{body}</tbody></table></section>\n"
    )
