"""The similarity of two pictures as one picture: width, and texts too long for a line."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

from PIL import Image as Pictures

from images.similarity.painted import picture
from renzheng import PictureSimilarity, similarity
from renzheng.apps.reports.similarity import picture as report


def _height(result: PictureSimilarity) -> int:
    with Pictures.open(BytesIO(report.render(result))) as opened:
        opened.load()
        assert (opened.format, opened.width) == ("PNG", 1200)
        return opened.height


def _named(name: str) -> PictureSimilarity:
    found = similarity(picture(1), picture(1), features=None)
    return replace(found, sources=(name, "b.png"))


def test_a_long_name_takes_more_lines_and_an_endless_one_is_cut() -> None:
    short, long = _height(_named("a.png")), _height(_named("n" * 900))
    assert long > short + 28 * 5
    assert _height(_named("n" * 50_000)) == _height(_named("n" * 1_600))


def test_lines_break_within_a_word_that_is_too_long() -> None:
    font = report._font(20)
    lines = report._wrap("two words and " + "W" * 200, font, 300)
    assert lines[0].startswith("two words and")
    assert "".join(lines).count("W") == 200
    assert all(font.getlength(line) <= 300 for line in lines)
