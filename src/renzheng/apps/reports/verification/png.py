"""The report as one picture: blocks drawn one by one, then stacked."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from renzheng.apps.reports.verification import content, distributions, drawing
from renzheng.apps.reports.verification.distributions import Distributions
from renzheng.types import Capture, Verification
from renzheng.verification.calibration import Calibration

if TYPE_CHECKING:
    from PIL import Image as Pictures
    from PIL import ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
    Picture = Pictures.Image

WIDTH = 1200
_EDGE, _GAP = 48, 28
_INNER = WIDTH - 2 * _EDGE
_PAPER, _INK, _SOFT, _LINE, _WELL = "#ffffff", "#1b2329", "#586470", "#dde2e0", "#f1f3f1"
_GENUINE, _IMPOSTOR, _ZONE = "#12704a", "#a9442f", "#8a5a00"
_LONGEST_TEXT = 1500  # characters of one text: a picture cannot scroll


def render(verification: Verification, calibration: Calibration | None) -> bytes:
    """The report as PNG, 1200 px wide and as high as it needs."""
    blocks = [_verdict(verification)]
    measured = [f"{label}: {told}" for label, told in content.measured_on(verification)]
    if measured:
        blocks.append(paragraphs(None, measured, colour=_SOFT))
    blocks.append(_pictures(verification))
    if verification.findings:
        lines = [f"{side}: {message}" for side, message in content.warnings(verification)]
        blocks.append(paragraphs("Warnings", lines, bar=_ZONE))
    if calibration is not None and verification.comparison is not None:
        distance = verification.comparison.distance
        curves = distributions.derive(calibration, verification.policy, distance)
        blocks.append(_plot(curves, distance, content.COLOURS[verification.decision][0]))
    rows = content.quality(verification)
    if rows:
        head = ("Measure", "Reference", "Probe")
        blocks.append(
            table(
                "Quality of the compared faces (component, 0 to 100)", [head, *rows], (0, 560, 830)
            )
        )
    blocks.append(table("How it was decided", content.provenance(verification), (0, 230)))
    blocks.append(paragraphs(None, [content.PRIVACY], colour=_SOFT))

    page = stacked(blocks, content.COLOURS[verification.decision][0])
    out = BytesIO()
    page.save(out, "PNG", optimize=False)
    return out.getvalue()


def stacked(blocks: list[Picture], colour: str) -> Picture:
    """Blocks of 1200 px width one below the other, under a bar of the verdict's colour."""
    from PIL import Image as Pictures

    page = Pictures.new("RGB", (WIDTH, sum(b.height + _GAP for b in blocks) + _GAP), _PAPER)
    y = 0
    for block in blocks:
        page.paste(block, (0, y))
        y += block.height + _GAP
    page.paste(colour, (0, 0, WIDTH, 10))
    return page


def _font(size: float) -> Font:
    from PIL import ImageFont

    return ImageFont.load_default(size=size)


def _wrap(text: str, font: Font, width: float) -> list[str]:
    """Break a text into lines, within a word where the word alone is too long."""
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + "..."
    lines, line = [], ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if font.getlength(longer) <= width:
            line = longer
            continue
        if line:
            lines.append(line)
        line = ""
        for letter in word:
            if line and font.getlength(line + letter) > width:
                lines.append(line)
                line = ""
            line += letter
    return [*lines, line]


def _shorten(text: str, font: Font, width: float) -> str:
    """Leave out the middle of a name that is too long: both its ends tell files apart."""
    text = text[:100] + text[-100:] if len(text) > 200 else text
    short, keep = text, len(text)
    while font.getlength(short) > width and keep > 2:
        keep -= 1
        short = f"{text[: keep // 2]}...{text[len(text) - keep // 2 :]}"
    return short


def _blank(height: float) -> Picture:
    from PIL import Image as Pictures

    return Pictures.new("RGB", (WIDTH, round(height)), _PAPER)


def _verdict(verification: Verification) -> Picture:
    return heading(
        content.TITLE,
        content.HEADLINE[verification.decision],
        content.reason(verification),
        content.COLOURS[verification.decision][0],
        content.figures(verification),
    )


def heading(
    title: str, headline: str, reason: str, colour: str, figures: list[tuple[str, str]]
) -> Picture:
    """A report's first block: the verdict in its colour, why, and up to three figures."""
    from PIL import ImageDraw

    lines = _wrap(reason, _font(25), _INNER)
    block = _blank(176 + 34 * len(lines) + (116 if figures else 0))
    ink = ImageDraw.Draw(block)
    ink.text((_EDGE, 52), title, _SOFT, _font(22))
    # The default font has no bold: a stroke in the same colour makes one.
    ink.text((_EDGE, 78), headline, colour, _font(74), stroke_width=1, stroke_fill=colour)
    y = 176
    for line in lines:
        ink.text((_EDGE, y), line, _INK, _font(25))
        y += 34
    y += 20
    if figures:
        ink.line((_EDGE, y, WIDTH - _EDGE, y), _LINE, 2)
    for n, (label, value) in enumerate(figures):
        x = _EDGE + n * _INNER / 3
        ink.text((x, y + 20), label, _SOFT, _font(19))
        ink.text((x, y + 46), value, _INK, _font(36))
    return block


def _pictures(verification: Verification) -> Picture:
    column = (_INNER - _GAP) // 2
    halves = [_side(title, capture, column) for title, capture in content.sides(verification)]
    block = _blank(max(half.height for half in halves))
    for n, half in enumerate(halves):
        block.paste(half, (_EDGE + n * (column + _GAP), 0))
    return block


def _side(title: str, capture: Capture, width: int) -> Picture:
    from PIL import Image as Pictures
    from PIL import ImageDraw

    well, crop_side = 440, 128
    name = _shorten(content.plain(capture.source), _font(19), width)
    problem = content.problem(capture)
    picture = drawing.marked(capture)
    words = (content.faces(capture), content.size(capture), content.preparation(capture))
    notes = [note for note in words if note]
    if problem and picture is not None:
        notes.append(problem)
    room = width - (crop_side + 20 if capture.crop is not None else 0)
    lines = [line for note in notes for line in _wrap(note, _font(19), room)]

    top = 78
    half = Pictures.new(
        "RGB",
        (
            width,
            top + well + 16 + max(0 if capture.crop is None else crop_side, 27 * len(lines) + 8),
        ),
        _PAPER,
    )
    ink = ImageDraw.Draw(half)
    ink.text((0, 4), title, _INK, _font(27))
    ink.text((0, 42), name, _SOFT, _font(19))
    ink.rounded_rectangle((0, top, width - 1, top + well - 1), 10, _WELL)
    if picture is None:
        said = _wrap(problem or "no picture", _font(21), width - 80)[:12]
        y = top + well / 2 - 15 * len(said)
        for line in said:
            ink.text((width / 2, y), line, _SOFT, _font(21), "ma")
            y += 30
    else:
        shown = Pictures.fromarray(picture)
        scale = min(width / shown.width, well / shown.height)
        size = max(1, round(shown.width * scale)), max(1, round(shown.height * scale))
        shown = shown.resize(size, Pictures.Resampling.LANCZOS)
        half.paste(shown, ((width - size[0]) // 2, top + (well - size[1]) // 2))
    y = top + well + 16
    x = 0
    if capture.crop is not None:
        crop = Pictures.fromarray(capture.crop)
        half.paste(crop.resize((crop_side, crop_side), Pictures.Resampling.LANCZOS), (0, y))
        x = crop_side + 20
    for n, line in enumerate(lines):
        ink.text((x, y + 4 + 27 * n), line, _SOFT, _font(19))
    return half


def paragraphs(
    title: str | None, texts: list[str], *, colour: str = _INK, bar: str | None = None
) -> Picture:
    """A block of texts, each in lines of its own, perhaps with a coloured bar beside it."""
    from PIL import ImageDraw

    indent = 20 if bar else 0
    wrapped = [_wrap(text, _font(20), _INNER - indent) for text in texts]
    head = 44 if title else 0
    block = _blank(head + sum(28 * len(lines) + 12 for lines in wrapped))
    ink = ImageDraw.Draw(block)
    if title:
        ink.text((_EDGE, 0), title, _INK, _font(27))
    y = head
    for lines in wrapped:
        if bar:
            ink.rectangle((_EDGE, y, _EDGE + 4, y + 28 * len(lines)), bar)
        for line in lines:
            ink.text((_EDGE + indent, y + 2), line, colour, _font(20))
            y += 28
        y += 12
    return block


def table(
    title: str, rows: list[tuple[str, str, str]] | list[tuple[str, str]], columns: tuple[int, ...]
) -> Picture:
    """A block of rows; `columns` says where each column begins, in px."""
    from PIL import ImageDraw

    ends = (*columns[1:], _INNER)
    cells = [
        [
            _wrap(text, _font(20), end - start - 16)
            for text, start, end in zip(row, columns, ends, strict=True)
        ]
        for row in rows
    ]
    heights = [28 * max(len(cell) for cell in row) + 14 for row in cells]
    block = _blank(48 + sum(heights))
    ink = ImageDraw.Draw(block)
    ink.text((_EDGE, 0), title, _INK, _font(27))
    y = 48
    for n, (row, height) in enumerate(zip(cells, heights, strict=True)):
        for column, (cell, start) in enumerate(zip(row, columns, strict=True)):
            label = (column == 0 and len(columns) == 2) or (n == 0 and len(columns) == 3)
            for k, line in enumerate(cell):
                place = (_EDGE + start, y + 6 + 28 * k)
                ink.text(place, line, _SOFT if label else _INK, _font(20))
        y += height
        ink.line((_EDGE, y - 1, WIDTH - _EDGE, y - 1), _LINE)
    return block


def _plot(curves: Distributions, distance: float, verdict: str) -> Picture:
    from PIL import Image as Pictures
    from PIL import ImageDraw

    top, bottom, high = 120, 370, 420
    caption = _wrap(
        content.plot_caption(distance, curves.match, curves.no_match), _font(19), _INNER
    )

    fine = 3  # Pillow draws lines without smoothing: draw larger, then shrink
    large = Pictures.new("RGB", (WIDTH * fine, high * fine), _PAPER)
    ink = ImageDraw.Draw(large, "RGBA")

    def across(value: float) -> float:
        return _EDGE + _INNER * value / curves.end

    def line(value: float, start: float, colour: str, width: int) -> None:
        x = across(value) * fine
        ink.line((x, start * fine, x, bottom * fine), colour, width * fine)

    if curves.match is not None and curves.no_match is not None:
        x1, x2 = across(curves.match) * fine, across(curves.no_match) * fine
        ink.rectangle((x1, top * fine, max(x1, x2), bottom * fine), _ZONE + "2e")
    for curve, colour in ((curves.genuine, _GENUINE), (curves.impostor, _IMPOSTOR)):
        xs = (_EDGE + _INNER * curves.distance / curves.end) * fine
        ys = (bottom - curve * (bottom - top) * 0.92) * fine
        outline = [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]
        ink.polygon(outline, fill=colour + "29")
        ink.line(outline, colour, 2 * fine, joint="curve")
    for cut in (curves.match, curves.no_match):
        if cut is not None:
            line(cut, top, _ZONE, 1)
    ink.line((_EDGE * fine, bottom * fine, (WIDTH - _EDGE) * fine, bottom * fine), _SOFT, fine)
    line(distance, 84, verdict, 4)

    block = _blank(high + 28 * len(caption))
    block.paste(large.resize((WIDTH, high), Pictures.Resampling.BOX), (0, 0))
    text = ImageDraw.Draw(block)
    text.text((_EDGE, 0), "Where the distance lies", _INK, _font(27))
    for curve, colour, word in (
        (curves.genuine, _GENUINE, "same person"),
        (curves.impostor, _IMPOSTOR, "different people"),
    ):
        x = min(max(across(float(curves.distance[int(curve.argmax())])), 120), WIDTH - 120)
        y = bottom - float(curve.max()) * (bottom - top) * 0.92 - 8
        text.text((x, y), word, colour, _font(18), "ms")
    for tick in np.arange(0, curves.end, 0.2):
        text.text((across(float(tick)), bottom + 24), f"{tick:.1f}", _SOFT, _font(17), "ms")
    x = min(max(across(distance), 120), WIDTH - 120)
    text.text((x, 76), f"here {distance:.3f}", verdict, _font(23), "ms")
    for n, said in enumerate(caption):
        text.text((_EDGE, high - 8 + 28 * n), said, _SOFT, _font(19))
    return block
