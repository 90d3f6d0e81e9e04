"""The page of an evaluation: one file that loads nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

import cv2
import numpy as np

from renzheng import images
from renzheng.apps.reports.evaluation import plots, tables
from renzheng.apps.reports.evaluation.tables import Table
from renzheng.apps.reports.page import HEAD, STYLE
from renzheng.apps.reports.verification import drawing
from renzheng.errors import UnreadableImage
from renzheng.evaluation.comparisons.calibration import Reliability
from renzheng.evaluation.comparisons.populations import Kept
from renzheng.evaluation.comparisons.study import Study

_WORST = 8  # pairs of each kind
_SHORT = 40  # characters of a cell
_SHOWN = 320  # pixels on a picture's longer side

_OWN_STYLE = """
h1 { font-size:clamp(1.8rem, 5vw, 2.6rem); color:var(--ink); }
header { border-top-color:var(--genuine); }
.scroll { overflow-x:auto; }
thead th:first-child { width:auto; }
td, th { padding-right:18px; overflow-wrap:normal; }
section svg { width:100%; height:auto; display:block; }
section svg text { fill:var(--soft) }
.two { display:grid; grid-template-columns:repeat(auto-fit, minmax(320px, 1fr)); gap:20px; }
.note { padding:12px 0 0; }
.short td { white-space:nowrap; }
.short td, .short th { font-size:.86rem; padding-right:12px; }
.facts td { font-variant-numeric:normal; }
.faces { display:grid; grid-template-columns:repeat(auto-fill, minmax(220px, 1fr)); gap:16px; }
.faces img { width:50%; aspect-ratio:1; object-fit:cover; display:inline-block; }
.faces figure { line-height:0; } .faces figcaption { line-height:1.4; padding-top:6px; }
ul.limits { margin:0; padding-left:20px; }
"""


def render(
    studies: Mapping[str, Study],
    *,
    command: str,
    show_faces: bool,
    reliability: Reliability | None,
    populations: Sequence[Kept],
    max_fmr: float,
) -> bytes:
    """The page as UTF-8; parameters as of `renzheng.apps.reports.evaluation.save`."""
    first = next(iter(studies.values()))
    title = first.name if len(studies) == 1 else first.name.rpartition(":")[0]
    parts = [opening(title, _headline(first))]
    if len(studies) > 1:
        parts.append(section(tables.channels(studies, max_fmr)))
        parts.append(plot("FNMR by channel", plots.channels(studies, max_fmr)))
        parts.append(plot("DET curves", plots.det(studies), half=True))
    for study in studies.values():
        parts += _study(study, alone=len(studies) == 1)
    if populations:
        parts.append(section(tables.populations(populations)))
    if reliability is not None:
        parts.append(section(tables.likelihood_ratios(reliability)))
        parts.append(plot("Reliability", plots.reliability(reliability), half=True))
    if show_faces:
        for study in studies.values():
            parts += _worst(study)
    parts += [limits(first.provenance), closing(first.provenance, command)]
    return "".join(parts).encode("utf-8")


def opening(title: str, headline: str) -> str:
    """The page up to its first section."""
    style = STYLE.replace("VERDICT_LIGHT", "#12704a").replace("VERDICT_DARK", "#5fd39b")
    return (
        f"{HEAD}<title>{escape(title)} · renzheng</title>\n<style>{style}{_OWN_STYLE}</style>\n"
        "</head>\n<body>\n<main>\n"
        f'<header><p class="kicker">renzheng evaluation</p><h1>{escape(title)}</h1>'
        f'<p class="reason">{escape(headline)}</p></header>\n'
    )


def _headline(study: Study) -> str:
    pack = study.provenance["pack"]
    return (
        f"The pack {pack['name']} {pack['version']} on {study.attempted} pictures of "
        f"{study.measurement.people} people"
    )


def _study(study: Study, *, alone: bool) -> Iterator[str]:
    found = tables.of_study(study)
    yield section(found[0])
    if alone:
        yield plot("Distances", plots.histogram(study))
        if study.measurement.points and study.measurement.genuine:
            yield (
                '<div class="two">'
                + plot("DET", plots.det({study.name: study}))
                + plot("ROC", plots.roc(study))
                + "</div>\n"
            )
    for table in found[1:]:
        yield section(table)
    if alone and study.measurement.promises:
        yield plot("Promised and observed", plots.promised(study), half=True)
    if alone and study.measurement.folds is not None:
        yield plot("Accuracy by fold", plots.folds(study))
    for column in study.differentials():
        yield plot(f"By {column}", plots.groups(study, column))
    problems = tables.problems(study)
    if problems is not None:
        yield section(problems)


def section(table: Table) -> str:
    """One table with its title and note."""
    head = ""
    if any(table.columns):
        cells = "".join(f'<th scope="col">{escape(c)}</th>' for c in table.columns)
        head = f"<thead><tr>{cells}</tr></thead>"
    body = "".join(
        "<tr>"
        + f'<th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in table.rows
    )
    # Figures stay on their line; the page scrolls sideways rather than break them. Sentences break.
    short = all(len(cell) <= _SHORT for row in table.rows for cell in row)
    kind = ' class="short"' if short else ""
    note = f'<p class="note">{escape(table.note)}</p>' if table.note else ""
    return (
        f'<section><h2>{escape(table.title)}</h2>\n<div class="scroll"><table{kind}>{head}'
        f"<tbody>{body}</tbody></table></div>{note}</section>\n"
    )


def plot(title: str, svg: str, *, half: bool = False) -> str:
    """One plot with its title."""
    style = ' style="max-width:520px"' if half else ""
    return f"<section><h2>{escape(title)}</h2><div{style}>{svg}</div></section>\n"


def _worst(study: Study) -> Iterator[str]:
    scores = study.scores
    for title, chosen, distances in (
        ("The nearest impostors", scores.impostor_pairs[:_WORST], scores.impostor[:_WORST]),
        (
            "The farthest genuine comparisons",
            scores.genuine_pairs[::-1][:_WORST],
            scores.genuine[::-1][:_WORST],
        ),
    ):
        figures = []
        for pair, distance in zip(chosen, distances, strict=True):
            names = [study.pictures[int(i)].name for i in pair]
            shown = "".join(_picture(study, int(i)) for i in pair)
            caption = f"{distance:.3f}: {' / '.join(names)}"
            figures.append(f"<figure>{shown}<figcaption>{escape(caption)}</figcaption></figure>")
        yield (
            f"<section><h2>{escape(f'{title}: {study.name}')}</h2>"
            f'<div class="faces">{"".join(figures)}</div></section>\n'
        )


def _picture(study: Study, index: int) -> str:
    picture = study.pictures[index]
    try:
        image = images.read(picture.source)
        times = min(1.0, _SHOWN / max(image.shape[:2]))
        size = [max(1, round(side * times)) for side in image.shape[1::-1]]
        pixels = drawing.jpeg(np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA)))
    except UnreadableImage:
        return ""
    code = base64.b64encode(pixels).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{code}" alt="{escape(picture.name)}">'


def limits(provenance: Mapping[str, Any]) -> str:
    """The pack's known limits, if it has any."""
    found = provenance.get("limits") or []
    if not found:
        return ""
    items = "".join(f"<li>{escape(str(limit))}</li>" for limit in found)
    return f'<section><h2>Known limits of the pack</h2><ul class="limits">{items}</ul></section>\n'


def closing(provenance: Mapping[str, Any], command: str) -> str:
    """How the page was made, and its end."""
    facts = {"command": command, **provenance}
    facts.pop("limits", None)
    rows = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            value = ", ".join(str(part) for part in value.values())
        shown = "-" if value is None else str(value)
        label = name.replace("_", " ")
        rows.append(f'<tr><th scope="row">{escape(label)}</th><td>{escape(shown)}</td></tr>')
    return (
        '<section><h2>How it was made</h2><table class="facts"><tbody>'
        f"{''.join(rows)}</tbody></table></section>\n</main>\n</body>\n</html>\n"
    )
