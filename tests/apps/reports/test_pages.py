"""The frame of all pages: what it refuses, and what becomes of the texts that it shows."""

from __future__ import annotations

import re
from pathlib import Path

import jinja2
import pytest

from renzheng import InvalidInput
from renzheng.apps.reports import pages

HOSTILE = "<i>a</i>\"'&\u202eb\udcff\nc"
SHOWN = "&lt;i&gt;a&lt;/i&gt;&#34;&#39;&amp;\ufffdb\ufffd c"


def save(path: Path, **content: object) -> str:
    words = {"title": "t", "kicker": "k", "headline": "h"}
    pages.save(path, "similarity", **{**words, **content})  # type: ignore[arg-type]
    return path.read_text(encoding="utf-8")


def test_every_text_is_plain_and_escaped(tmp_path: Path) -> None:
    text = save(
        tmp_path / "page.html", picture=HOSTILE, caption=HOSTILE, rows=[(HOSTILE, Path(HOSTILE))],
        title=HOSTILE, kicker=HOSTILE, headline=HOSTILE, reason=HOSTILE, note=HOSTILE,
        figures=[(HOSTILE, HOSTILE)],
    )  # fmt: skip
    assert text.count(SHOWN) == 12
    assert "<i>" not in text
    assert "\u202e" not in text
    assert text.startswith("<!doctype html>\n")
    assert text.endswith("</html>\n")


def test_a_value_that_is_missing_is_an_error_and_no_page(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="caption"):
        save(tmp_path / "page.html", picture="", rows=())
    assert list(tmp_path.iterdir()) == []


def test_no_template_loads_anything_or_shows_a_text_unescaped() -> None:
    folder = Path(pages.__file__).parent / "templates"
    found = {path.name: path.read_text("utf-8") for path in sorted(folder.iterdir())}
    assert len(found) >= 8
    for name, text in found.items():
        assert not re.search(r"<script|href|@import|url\(|https?:", text), name
        assert text.count("|safe") == (name == "evaluation.html.jinja"), name  # matplotlib's SVG


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("page.png", "name it .html"), ("no/page.html", "make it first"), ("d.html", "name a file")],
)
def test_names_are_refused_before_any_work(tmp_path: Path, name: str, remedy: str) -> None:
    (tmp_path / "d.html").mkdir()
    with pytest.raises(InvalidInput, match=remedy):
        pages.check(tmp_path / name)
    pages.check(tmp_path / "page.html")


def test_a_reason_is_shown_as_a_sentence() -> None:
    assert pages.sentence(" too far apart") == "Too far apart."
    assert pages.sentence("why?") == "Why?"
    assert pages.sentence("\n") == ""
