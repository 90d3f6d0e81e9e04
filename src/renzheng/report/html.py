"""The report as one web page that loads nothing."""

from __future__ import annotations

import base64
from html import escape

import numpy as np

from renzheng.comparison import Calibration
from renzheng.report import content, distributions, drawing
from renzheng.report.distributions import Curve, Distributions
from renzheng.types import Capture, Image, Verification

# The policy forbids the page every request, should a text ever slip through unescaped.
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
"""

_STYLE = """
:root { --paper:#f6f7f5; --card:#fff; --ink:#1b2329; --soft:#586470; --line:#dde2e0;
  --genuine:#12704a; --impostor:#a9442f; --zone:#8a5a00; --verdict:VERDICT_LIGHT; }
@media (prefers-color-scheme: dark) {
  :root { --paper:#12171b; --card:#1b2228; --ink:#e8edef; --soft:#a2aeb8; --line:#303a42;
    --genuine:#5fd39b; --impostor:#ff9c85; --zone:#f2c14e; --verdict:VERDICT_DARK; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--paper); color:var(--ink);
  font:16px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif; }
main { max-width:1040px; margin:0 auto; padding:40px 24px 56px; display:grid; gap:20px; }
section, header { background:var(--card); border:1px solid var(--line); border-radius:14px;
  padding:24px 28px; min-width:0; }
header { border-top:6px solid var(--verdict); }
.kicker { margin:0; color:var(--soft); }
h1 { margin:2px 0 6px; font-size:clamp(2.4rem, 8vw, 4rem); line-height:1.05;
  letter-spacing:-.02em; color:var(--verdict); }
.reason { margin:0; font-size:1.15rem; max-width:60ch; overflow-wrap:anywhere; }
h2 { margin:0 0 14px; font-size:1.05rem; }
.figures { display:grid; grid-template-columns:repeat(auto-fit, minmax(170px, 1fr)); gap:16px;
  margin:22px 0 0; padding-top:20px; border-top:1px solid var(--line); }
.figures dt, .note, figcaption { color:var(--soft); font-size:.92rem; }
.figures dd { margin:0; font-size:1.65rem; font-variant-numeric:tabular-nums; }
.pair { display:grid; grid-template-columns:repeat(auto-fit, minmax(300px, 1fr)); gap:20px; }
figure { margin:0; }
figure h2 { margin-bottom:2px; }
.name { margin:0 0 12px; overflow-wrap:anywhere; color:var(--soft); }
.picture { display:block; width:100%; max-height:560px; object-fit:contain; border-radius:8px;
  background:var(--paper); }
.below { display:flex; gap:16px; align-items:center; margin-top:14px; }
.below img { width:112px; height:112px; border-radius:8px; flex:none; }
.empty { display:grid; place-items:center; min-height:220px; padding:24px; text-align:center;
  border:2px dashed var(--line); border-radius:8px; color:var(--soft); overflow-wrap:anywhere; }
.warnings { margin:0; padding:0; list-style:none; display:grid; gap:8px; }
.warnings li { padding:8px 14px; border-left:4px solid var(--zone); background:var(--paper);
  border-radius:0 8px 8px 0; overflow-wrap:anywhere; }
table { width:100%; border-collapse:collapse; font-variant-numeric:tabular-nums; }
thead th:first-child { width:50%; }
th, td { text-align:left; font-weight:400; padding:7px 12px 7px 0; overflow-wrap:anywhere;
  border-bottom:1px solid var(--line); vertical-align:top; }
thead th, .facts th { color:var(--soft); }
.facts th { width:11em; }
.facts td { word-break:break-word; }
.plot { width:100%; height:auto; display:block; }
.plot text { font-size:15px; fill:var(--soft); }
.note { margin:0; padding:0 28px; max-width:80ch; }
@media print { body { background:#fff; } section, header { break-inside:avoid; } }
"""

_WIDE, _HIGH, _TOP, _BOTTOM, _SIDE = 920.0, 330.0, 60.0, 270.0, 12.0  # the plot's geometry


def render(verification: Verification, calibration: Calibration | None) -> bytes:
    """The page as UTF-8."""
    light, dark = content.COLOURS[verification.decision]
    headline = content.HEADLINE[verification.decision]
    style = _STYLE.replace("VERDICT_LIGHT", light).replace("VERDICT_DARK", dark)
    parts = [
        _HEAD,
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
    return (
        f'<header>\n<p class="kicker">{content.TITLE}</p>\n<h1>{escape(headline)}</h1>\n'
        f'<p class="reason">{escape(content.reason(verification))}</p>\n'
        f'<dl class="figures">{figures}</dl>\n</header>\n'
    )


def _side(title: str, capture: Capture) -> str:
    name = escape(content.plain(capture.source))
    faces = escape(content.faces(capture))
    problem = content.problem(capture)
    picture = drawing.marked(capture)
    if picture is None:
        shown = f'<div class="empty">{escape(problem or "no picture")}</div>'
    else:
        alt = f"{title} picture {name}: {faces}"
        shown = f'<img class="picture" src="{_data_uri(picture)}" alt="{alt}">'
        if problem:
            shown += f'<p class="name">{escape(problem)}</p>'
    below = f"<figcaption>{faces}<br>{content.size(capture)}</figcaption>"
    if capture.crop is not None:
        alt = f"{title}: the aligned face that was compared"
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
        "<section><h2>Quality of the compared faces</h2>\n<table><thead><tr>"
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
