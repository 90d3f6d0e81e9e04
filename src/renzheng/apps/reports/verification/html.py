"""The report as one web page that loads nothing."""

from __future__ import annotations

import base64
from html import escape

import numpy as np

from renzheng.apps.reports import page
from renzheng.apps.reports.verification import content, distributions, drawing
from renzheng.apps.reports.verification.distributions import Curve, Distributions
from renzheng.types import Capture, Image, Verification
from renzheng.verification.calibration import Calibration

_WIDE, _HIGH, _TOP, _BOTTOM, _SIDE = 920.0, 330.0, 60.0, 270.0, 12.0  # the plot's geometry


def render(verification: Verification, calibration: Calibration | None) -> bytes:
    """The page as UTF-8."""
    light, dark = content.COLOURS[verification.decision]
    headline = content.HEADLINE[verification.decision]
    style = page.STYLE.replace("VERDICT_LIGHT", light).replace("VERDICT_DARK", dark)
    parts = [
        page.HEAD,
        f"<title>{escape(headline)} · {content.TITLE}</title>\n<style>{style}</style>\n</head>\n",
        "<body>\n<main>\n",
        _verdict(verification, headline),
        '<div class="pair">\n',
        *(_side(title, capture) for title, capture in content.sides(verification)),
        "</div>\n",
        _warnings(verification),
        _plot_section(verification, calibration),
        _quality(verification),
        _provenance(verification),
        f'<p class="note">{escape(content.PRIVACY)}</p>\n',
        "</main>\n</body>\n</html>\n",
    ]
    return "".join(parts).encode("utf-8")


def _verdict(verification: Verification, headline: str) -> str:
    figures = "".join(
        f"<div><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>"
        for label, value in content.figures(verification)
    )
    measured = "".join(
        f'<p class="measured"><strong>{label}:</strong> {escape(told)}</p>\n'
        for label, told in content.measured_on(verification)
    )
    return (
        f'<header>\n<p class="kicker">{content.TITLE}</p>\n<h1>{escape(headline)}</h1>\n'
        f'<p class="reason">{escape(content.reason(verification))}</p>\n'
        f'<dl class="figures">{figures}</dl>\n{measured}</header>\n'
    )


def _side(title: str, capture: Capture) -> str:
    name = escape(content.plain(capture.source))
    faces = escape(content.faces(capture))
    problem = content.problem(capture)
    picture = drawing.marked(capture)
    if picture is None:
        shown = f'<div class="empty">{escape(problem or "no picture")}</div>'
    else:
        alt = f"{title}, {name}: {faces}"
        shown = f'<img class="picture" src="{_data_uri(picture)}" alt="{alt}">'
        if problem:
            shown += f'<p class="name">{escape(problem)}</p>'
    notes = (faces, content.size(capture), escape(content.preparation(capture)))
    below = f"<figcaption>{'<br>'.join(note for note in notes if note)}</figcaption>"
    if capture.crop is not None:
        alt = f"{title}, its aligned face as it was compared"
        below = f'<img src="{_data_uri(capture.crop)}" alt="{alt}">{below}'
    return (
        f'<section><figure>\n<h2>{title}</h2>\n<p class="name"><bdi>{name}</bdi></p>\n'
        f'{shown}\n<div class="below">{below}</div>\n</figure></section>\n'
    )


def _warnings(verification: Verification) -> str:
    found = content.warnings(verification)
    if not found:
        return ""
    items = "".join(
        f"<li><strong>{escape(side)}:</strong> {escape(message)}</li>" for side, message in found
    )
    return f'<section><h2>Warnings</h2>\n<ul class="warnings">{items}</ul></section>\n'


def _quality(verification: Verification) -> str:
    rows = content.quality(verification)
    if not rows:
        return ""
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{escape(a)}</td><td>{escape(b)}</td></tr>'
        for label, a, b in rows
    )
    return (
        "<section><h2>Quality of the compared faces (component, 0 to 100)</h2>\n<table><thead><tr>"
        '<th scope="col">Measure</th><th scope="col">Reference</th><th scope="col">Probe</th>'
        f"</tr></thead><tbody>{body}</tbody></table></section>\n"
    )


def _provenance(verification: Verification) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td>{escape(value)}</td></tr>'
        for label, value in content.provenance(verification)
    )
    return (
        '<section><h2>How it was decided</h2>\n<table class="facts"><tbody>'
        f"{body}</tbody></table></section>\n"
    )


def _plot_section(verification: Verification, calibration: Calibration | None) -> str:
    if calibration is None or verification.comparison is None:
        return ""
    distance = verification.comparison.distance
    curves = distributions.derive(calibration, verification.policy, distance)
    caption = escape(content.plot_caption(distance, curves.match, curves.no_match))
    return (
        "<section><h2>Where the distance lies</h2>\n"
        f"<figure>{_plot(curves, distance, caption)}<figcaption>{caption}</figcaption></figure>"
        "</section>\n"
    )


def _plot(curves: Distributions, distance: float, caption: str) -> str:
    def across(value: float) -> float:
        return _SIDE + (_WIDE - 2 * _SIDE) * value / curves.end

    def vertical(value: float, top: float, style: str) -> str:
        x = across(value)
        return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{_BOTTOM}" style="{style}"/>'

    marks = []
    if curves.match is not None and curves.no_match is not None:
        x1, x2 = across(curves.match), across(curves.no_match)
        marks.append(
            f'<rect x="{x1:.1f}" y="{_TOP}" width="{max(x2 - x1, 0):.1f}" '
            f'height="{_BOTTOM - _TOP}" style="fill:var(--zone);opacity:.18"/>'
        )
    for curve, colour in ((curves.genuine, "--genuine"), (curves.impostor, "--impostor")):
        marks.append(
            f'<path d="{_outline(curves, curve)}" style="fill:var({colour});fill-opacity:.16;'
            f'stroke:var({colour});stroke-width:2.5"/>'
        )
    for curve, colour, word in (
        (curves.genuine, "--genuine", "same person"),
        (curves.impostor, "--impostor", "different people"),
    ):
        x = across(float(curves.distance[int(curve.argmax())]))
        y = _BOTTOM - float(curve.max()) * (_BOTTOM - _TOP) * 0.92 - 10
        marks.append(
            f'<text x="{min(max(x, 70), _WIDE - 70):.1f}" y="{y:.1f}" text-anchor="middle" '
            f'style="fill:var({colour})">{word}</text>'
        )
    for cut in (curves.match, curves.no_match):
        if cut is not None:
            marks.append(
                vertical(cut, _TOP, "stroke:var(--zone);stroke-width:1.5;stroke-dasharray:5 4")
            )
    marks.append(
        f'<line x1="{_SIDE}" x2="{_WIDE - _SIDE}" y1="{_BOTTOM}" y2="{_BOTTOM}" '
        'style="stroke:var(--soft)"/>'
    )
    for tick in np.arange(0, curves.end, 0.2):
        marks.append(
            f'<text x="{across(float(tick)):.1f}" y="{_BOTTOM + 22}" '
            f'text-anchor="middle">{tick:.1f}</text>'
        )
    marks.append(
        f'<text x="{_WIDE / 2}" y="{_BOTTOM + 48}" text-anchor="middle">distance between the '
        "embeddings</text>"
    )
    x = min(max(across(distance), 60), _WIDE - 60)
    marks.append(vertical(distance, 30, "stroke:var(--verdict);stroke-width:4"))
    marks.append(
        f'<text x="{x:.1f}" y="20" text-anchor="middle" style="fill:var(--verdict);'
        f'font-size:18px;font-weight:600">here {distance:.3f}</text>'
    )
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDE:g} {_HIGH:g}" role="img" '
        f'aria-label="{caption}">{"".join(marks)}</svg>'
    )


def _outline(curves: Distributions, curve: Curve) -> str:
    x = _SIDE + (_WIDE - 2 * _SIDE) * curves.distance / curves.end
    y = _BOTTOM - curve * (_BOTTOM - _TOP) * 0.92
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)) + "Z"


def _data_uri(image: Image) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(drawing.jpeg(image)).decode("ascii")
