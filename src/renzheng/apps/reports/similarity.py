"""A picture similarity as a page or a picture: what agrees, outlined and joined, with numbers."""

from __future__ import annotations

import base64
from html import escape
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from renzheng._support import files
from renzheng.apps.reports import page
from renzheng.apps.reports.verification import check_suffix, content, drawing, png
from renzheng.images.similarity import Likeness, PictureSimilarity, words
from renzheng.types import Image

TITLE = "Picture similarity"
HEADLINE = {
    Likeness.SAME_PICTURE: "Same picture",
    Likeness.NEAR_DUPLICATE: "Near-duplicate",
    Likeness.LOOK_ALIKE: "Look-alike",
    Likeness.DIFFERENT: "Different",
    Likeness.NOT_COMPARABLE: "Not comparable",
}
# On light and on dark paper: each at least 4.5:1 against it.
_COLOURS = {
    Likeness.SAME_PICTURE: ("#12704a", "#5fd39b"),
    Likeness.NEAR_DUPLICATE: ("#12704a", "#5fd39b"),
    Likeness.LOOK_ALIKE: ("#8a5a00", "#f2c14e"),
    Likeness.DIFFERENT: ("#b0271f", "#ff8a80"),
    Likeness.NOT_COMPARABLE: ("#4b5865", "#b3c0cc"),
}
_PRIVACY = (
    "This report contains the two pictures. Where they show people they are personal data: keep it "
    "only as long as needed and share it with nobody who need not see it."
)
_HIGH, _WIDE, _GAP = 560, 620, 36  # px: what one picture may take, and what lies between the two
_MOST_LINES = 60  # more hide the pictures
_PAPER = (241, 243, 241)
_OUTLINE, _REGION, _LINE = (16, 20, 24), (64, 224, 150), (255, 196, 64)
_CHANGED = (255, 60, 60)
_SUBPIXEL = 4  # bits that cv2 draws finer than a pixel


def save(similarity: PictureSimilarity, path: Path) -> None:
    """Write a report, as a web page or as a picture.

    Parameters
    ----------
    similarity
        The result to report, whatever it is.
    path
        Ends in ``.html`` (one file that loads nothing else) or ``.png``. An existing file is
        replaced whole or not at all.

    Raises
    ------
    InvalidInput
        If the path ends in anything else.
    RenzhengError
        If the file cannot be written.
    """
    path = Path(path)
    check_suffix(path)
    render = _page if path.suffix.lower() == ".html" else _picture
    files.write(path, render(similarity))


def joined(similarity: PictureSimilarity) -> Image:
    """The two pictures side by side, the regions that agree outlined and their features joined.

    Parameters
    ----------
    similarity
        The result.

    Returns
    -------
    uint8 (h, w, 3) RGB
        At most 560 px high and 1,276 px wide. Nothing is drawn where the regions do not agree.
    """
    shown, scales = [], []
    for image in similarity.images:
        height, width = image.shape[:2]
        scale = min(_HIGH / height, _WIDE / width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        shown.append(cv2.resize(image, size, interpolation=how))
        scales.append(np.array(size) / (width, height))
    high = max(one.shape[0] for one in shown)
    wide = shown[0].shape[1] + _GAP + shown[1].shape[1]
    canvas = np.full((high, wide, 3), _PAPER, np.uint8)
    corners = [(0, 0), (shown[0].shape[1] + _GAP, 0)]
    for (x, y), one in zip(corners, shown, strict=True):
        y = (high - one.shape[0]) // 2
        canvas[y : y + one.shape[0], x : x + one.shape[1]] = one
    regions = similarity.regions
    if regions is None or not regions.near_duplicate:
        return canvas

    def placed(points: npt.NDArray[np.float32], side: int) -> npt.NDArray[np.int32]:
        # Pixel centres move with the scale; clipped, as cv2 overflows on absurd coordinates.
        corner = (corners[side][0], (high - shown[side].shape[0]) // 2)
        there = (points + 0.5) * scales[side] - 0.5 + corner
        return np.asarray(np.clip(there, -9000, 9000) * 2**_SUBPIXEL + 0.5, np.int32)

    a, b = placed(regions.points_a, 0), placed(regions.points_b, 1)
    step = max(1, -(-len(a) // _MOST_LINES))
    order = np.argsort(a[:, 1], kind="stable")[::step]  # from top to bottom, evenly
    for start, end in zip(a[order].tolist(), b[order].tolist(), strict=True):
        cv2.line(canvas, start, end, _LINE, 1, cv2.LINE_AA, _SUBPIXEL)
        for point in (start, end):
            cv2.circle(canvas, point, 3 << _SUBPIXEL, _LINE, -1, cv2.LINE_AA, _SUBPIXEL)
    changed = similarity.changes
    if changed is not None and len(changed.boxes):
        tinted = canvas.copy()
        for x1, y1, x2, y2 in changed.boxes:
            box = np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], np.float32)
            cv2.fillPoly(tinted, [placed(box, changed.side)], _CHANGED, cv2.LINE_8, _SUBPIXEL)
        canvas = np.asarray(cv2.addWeighted(tinted, 0.35, canvas, 0.65, 0), np.uint8)
    for region, side in ((regions.region_a, 0), (regions.region_b, 1)):
        if region is not None:
            for ink, thickness in ((_OUTLINE, 5), (_REGION, 3)):
                outline = placed(region, side)
                cv2.polylines(canvas, [outline], True, ink, thickness, cv2.LINE_AA, _SUBPIXEL)
    return canvas


def _reason(similarity: PictureSimilarity) -> str:
    text = content.plain(similarity.reason)
    return text[0].upper() + text[1:] + "."


def _caption(similarity: PictureSimilarity) -> str:
    regions = similarity.regions
    if regions is None or not regions.near_duplicate:
        return "No region of the one is found in the other."
    many = regions.inliers > _MOST_LINES
    shown = f"some of the {regions.inliers}" if many else f"the {regions.inliers}"
    red = ""
    if similarity.changes is not None and len(similarity.changes.boxes):
        red = f" Red, on {'AB'[similarity.changes.side]}: where the two differ."
    return f"Green: the region that agrees. Yellow: {shown} features that agree.{red}"


def _names(similarity: PictureSimilarity) -> list[tuple[str, str]]:
    return [
        (letter, f"{content.plain(name)}: {image.shape[1]} x {image.shape[0]} px")
        for letter, name, image in zip("AB", similarity.sources, similarity.images, strict=True)
    ]


def _facts(similarity: PictureSimilarity) -> list[tuple[str, str]]:
    rows = []
    for sense in words.senses(similarity):
        text = f"{sense.number}: {sense.decision} ({'; '.join(sense.notes)})."
        rows.append((sense.title, text))
    return [*rows, *_names(similarity)]


def _page(similarity: PictureSimilarity) -> bytes:
    light, dark = _COLOURS[similarity.likeness]
    headline = HEADLINE[similarity.likeness]
    style = page.STYLE.replace("VERDICT_LIGHT", light).replace("VERDICT_DARK", dark)
    picture = base64.b64encode(drawing.jpeg(joined(similarity))).decode("ascii")
    caption = escape(_caption(similarity))
    rows = "".join(
        f'<tr><th scope="row">{escape(label)}</th><td><bdi>{escape(text)}</bdi></td></tr>'
        for label, text in _facts(similarity)
    )
    return "".join(
        (
            page.HEAD,
            f"<title>{escape(headline)} · {TITLE}</title>\n<style>{style}</style>\n</head>\n",
            f'<body>\n<main>\n<header>\n<p class="kicker">{TITLE}</p>\n<h1>{headline}</h1>\n',
            f'<p class="reason">{escape(_reason(similarity))}</p>\n</header>\n',
            '<section><h2>A and B</h2>\n<figure><img class="picture" ',
            f'src="data:image/jpeg;base64,{picture}" alt="A and B side by side. {caption}">',
            f"<figcaption>{caption}</figcaption></figure></section>\n",
            '<section><h2>How it was decided</h2>\n<table class="facts"><tbody>',
            f"{rows}</tbody></table></section>\n",
            f'<p class="note">{escape(_PRIVACY)}</p>\n</main>\n</body>\n</html>\n',
        )
    ).encode("utf-8")


def _picture(similarity: PictureSimilarity) -> bytes:
    from PIL import Image as Pictures

    colour = _COLOURS[similarity.likeness][0]
    shown = Pictures.fromarray(joined(similarity))
    shown.thumbnail((png.WIDTH - 96, _HIGH))
    pair = Pictures.new("RGB", (png.WIDTH, shown.height), "#ffffff")
    pair.paste(shown, ((png.WIDTH - shown.width) // 2, 0))
    blocks = [
        png.heading(TITLE, HEADLINE[similarity.likeness], _reason(similarity), colour, []),
        pair,
        png.paragraphs(None, [_caption(similarity)]),
        png.table("How it was decided", _facts(similarity), (0, 230)),
        png.paragraphs(None, [_PRIVACY]),
    ]
    out = BytesIO()
    png.stacked(blocks, colour).save(out, "PNG", optimize=False)
    return out.getvalue()
