"""A similarity as one picture: the drawn pair with the words of its page."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from renzheng.apps.reports import pages
from renzheng.apps.reports.similarity import drawing, words
from renzheng.images.similarity import PictureSimilarity
from renzheng.images.similarity.words import HEADLINE

if TYPE_CHECKING:
    from PIL import Image as Pillow
    from PIL import ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
    Block = Pillow.Image

_WIDTH, _EDGE, _GAP = 1200, 48, 28
_INNER = _WIDTH - 2 * _EDGE
_LABELS = 230  # px: the width of a table's first column
_PAPER, _INK, _SOFT, _LINE = "#ffffff", "#1b2329", "#586470", "#dde2e0"
_LONGEST_TEXT = 1500  # characters of one text: a picture cannot scroll


def render(similarity: PictureSimilarity) -> bytes:
    """Draw the report as PNG, 1200 px wide and as high as it needs."""
    from PIL import Image as Pillow

    colour = words.COLOURS[similarity.likeness][0]
    shown = Pillow.fromarray(drawing.joined(similarity))
    shown.thumbnail((_INNER, drawing.HIGH))
    pair = Pillow.new("RGB", (_WIDTH, shown.height), _PAPER)
    pair.paste(shown, ((_WIDTH - shown.width) // 2, 0))
    blocks = [
        _heading(HEADLINE[similarity.likeness], pages.sentence(similarity.reason), colour),
        pair,
        _paragraph(words.caption(similarity)),
        _table("How it was decided", words.facts(similarity)),
        _paragraph(words.PRIVACY),
    ]
    page = Pillow.new("RGB", (_WIDTH, sum(b.height + _GAP for b in blocks) + _GAP), _PAPER)
    y = 0
    for block in blocks:
        page.paste(block, (0, y))
        y += block.height + _GAP
    page.paste(colour, (0, 0, _WIDTH, 10))
    out = BytesIO()
    page.save(out, "PNG", optimize=False)
    return out.getvalue()


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


def _heading(headline: str, reason: str, colour: str) -> Block:
    lines = _wrap(reason, _font(25), _INNER)
    block, ink = _blank(176 + 34 * len(lines))
    ink.text((_EDGE, 52), words.TITLE, _SOFT, _font(22))
    # The default font has no bold: a stroke in the same colour makes one.
    ink.text((_EDGE, 78), headline, colour, _font(74), stroke_width=1, stroke_fill=colour)
    for n, line in enumerate(lines):
        ink.text((_EDGE, 176 + 34 * n), line, _INK, _font(25))
    return block


def _paragraph(text: str) -> Block:
    lines = _wrap(text, _font(20), _INNER)
    block, ink = _blank(28 * len(lines) + 12)
    for n, line in enumerate(lines):
        ink.text((_EDGE, 28 * n + 2), line, _INK, _font(20))
    return block


def _table(title: str, rows: list[tuple[str, str]]) -> Block:
    font = _font(20)
    cells = [
        (_wrap(label, font, _LABELS - 16), _wrap(value, font, _INNER - _LABELS - 16))
        for label, value in rows
    ]
    heights = [28 * max(map(len, row)) + 14 for row in cells]
    block, ink = _blank(48 + sum(heights))
    ink.text((_EDGE, 0), title, _INK, _font(27))
    y = 48
    for row, height in zip(cells, heights, strict=True):
        for lines, x, colour in zip(row, (0, _LABELS), (_SOFT, _INK), strict=True):
            for n, line in enumerate(lines):
                ink.text((_EDGE + x, y + 6 + 28 * n), line, colour, font)
        y += height
        ink.line((_EDGE, y - 1, _WIDTH - _EDGE, y - 1), _LINE)
    return block


def _blank(height: int) -> tuple[Block, ImageDraw.ImageDraw]:
    from PIL import Image as Pillow
    from PIL import ImageDraw

    block = Pillow.new("RGB", (_WIDTH, height), _PAPER)
    return block, ImageDraw.Draw(block)
