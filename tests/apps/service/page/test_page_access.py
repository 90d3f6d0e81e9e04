"""The page by keyboard, by ear, in poor light and in little room."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from running_service import Running

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect

Pair = tuple[Path, Path]
_NAMED = {
    *("button", "checkbox", "combobox", "textbox", "link", "image", "img", "dialog", "heading"),
    *("region", "table", "DisclosureTriangle"),
}

# The contrast of every text that is seen (WCAG 2.2, 1.4.3), against the colours behind it.
_CONTRAST = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  canvas.canvas.width = canvas.canvas.height = 1;
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((v, k) => v * a + under[k] * (1 - a));
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    const layers = [];
    for (let each = node; each; each = each.parentElement)
      layers.push(rgba(getComputedStyle(each).backgroundColor));
    return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    const style = getComputedStyle(node);
    if (!text.textContent.trim() || !node.checkVisibility({visibilityProperty: true}) ||
        node.closest(".unseen, :disabled, .release, template, noscript, .camera")) continue;
    const ground = behind(node);
    const ink = over(rgba(node.closest("svg") ? style.fill : style.color), ground);
    const [high, low] = [light(ink), light(ground)].sort((a, b) => b - a);
    found.push([(high + 0.05) / (low + 0.05), text.textContent.slice(0, 40)]);
  }
  return found;
}
"""


def _tree(page: Page) -> list[dict[str, Any]]:
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        {
            "role": node["role"]["value"],
            "name": node.get("name", {}).get("value", ""),
            **{each["name"]: each["value"].get("value") for each in node.get("properties", [])},
        }
        for node in nodes
        if not node["ignored"]
    ]


def test_a_comparison_by_keyboard_alone(desk: Any, pictures: Pair) -> None:
    page = desk.page
    keys = page.keyboard

    def tab_to(wanted: str) -> None:
        for _ in range(40):
            keys.press("Tab")
            if page.evaluate("(wanted) => document.activeElement.matches(wanted)", wanted):
                outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none"  # one sees where one is
                return
        raise AssertionError(f"the keyboard does not reach {wanted}")

    # Asked for before any key is pressed: the browser takes a moment to hand its choosers over.
    choosers: list[Any] = []
    page.on("filechooser", lambda chooser: choosers.append(chooser))
    tab_to("#automatic")
    keys.press("Space")
    card, portrait = pictures
    for side, picture, key in (("reference", card, "Enter"), ("probe", portrait, "Space")):
        tab_to(f"#{side} .zone")
        keys.press(key)
        for _ in range(200):
            if choosers:
                break
            page.wait_for_timeout(50)
        choosers.pop().set_files(picture)
        expect(desk.side(side).get_by_role("button", name="Replace")).to_be_focused()
    desk.expect_verdict("ready")
    for _ in range(12):
        keys.press("Shift+Tab")
        if page.evaluate("document.activeElement.id") == "compare":
            break
    keys.press("Enter")
    desk.expect_verdict("inconclusive")
    expect(page.locator("#headline")).to_be_focused()  # who asked is led to the answer
    tab_to("#options summary")
    keys.press("Enter")
    expect(page.get_by_label("The reference is")).to_be_visible()
    tab_to(".raw summary")
    keys.press("Enter")
    tab_to(".raw pre")


def test_everything_has_a_role_and_a_name(desk: Any, pictures: Pair) -> None:
    page = desk.page
    for compared in (False, True):
        if compared:
            desk.compare(*pictures)
        page.locator("#options").evaluate("(node) => { node.open = true; }")
        nodes = _tree(page)
        for node in nodes:
            if node["role"] in _NAMED:
                assert node["name"].strip(), node
        roles = [node["role"] for node in nodes]
        assert roles.count("banner") == roles.count("main") == roles.count("contentinfo") == 1
        levels = [int(node["level"]) for node in nodes if node["role"] == "heading"]
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
    assert {"role": "group", "name": "Language"} in nodes
    named = {node["name"] for node in nodes if node["role"] in ("image", "img")}
    assert any(name.startswith("Probe: Live picture: portrait.png, 1 face found") for name in named)
    assert any("Measured here" in name for name in named)
    buttons = {node["name"] for node in nodes if node["role"] == "button"}
    assert "Replace the picture: Reference: Document" in buttons
    assert page.get_by_role("columnheader", name="Probe").is_visible()
    assert page.get_by_role("rowheader", name="Sharpness").is_visible()


def test_ids_are_unique_and_references_lead_somewhere(answered: Any) -> None:
    ids, wanted = answered[0].page.evaluate(
        """() => [
          [...document.querySelectorAll("[id]")].map((node) => node.id),
          [...document.querySelectorAll("[for], [aria-labelledby], [aria-describedby]")].flatMap(
            (node) => ["for", "aria-labelledby", "aria-describedby"].flatMap(
              (name) => (node.getAttribute(name) ?? "").split(" ").filter(Boolean))),
        ]"""
    )
    assert len(ids) == len(set(ids))
    assert set(wanted) <= set(ids)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out(
    open_desk: Callable[..., Any], service: Running, pictures: Pair, letter: Path, scheme: str
) -> None:
    desk = open_desk(service, color_scheme=scheme)
    page = desk.page
    page.locator("#options summary").click()

    def check() -> None:
        faint = [each for each in page.evaluate(_CONTRAST) if each[0] < 4.5]
        assert faint == []

    check()
    desk.compare(*pictures)
    page.get_by_text("The answer as JSON").click()
    check()
    # The verdict's colours in every state, and the findings' in every effect.
    for state in ("match", "no_match", "not_comparable", "failed", "waiting", "busy"):
        page.locator("#verdict").evaluate("(node, state) => { node.dataset.state = state; }", state)
        check()
    for effect in ("warning", "refusal"):
        page.locator(".findings li").evaluate(
            "(node, effect) => { node.dataset.effect = effect; }", effect
        )
        check()
    desk.choose("probe", letter)
    desk.expect_verdict("not_comparable")
    check()


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_a_small_screen_shows_everything(
    open_desk: Callable[..., Any], service: Running, pictures: Pair, locale: str
) -> None:
    desk = open_desk(service, locale=locale, viewport={"width": 360, "height": 740})
    page = desk.page
    for compared in (False, True):
        if compared:
            desk.compare(*pictures)
        page.locator("#options").evaluate("(node) => { node.open = true; }")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        cut = page.evaluate(
            """() => [...document.querySelectorAll("button, h1, h2, h3, dd, td, th, label, p")]
              .filter((node) => node.checkVisibility() && !node.closest(".unseen, .file, .skip"))
              .filter((node) => node.scrollWidth > node.clientWidth + 1 && node.clientWidth > 0)
              .map((node) => node.outerHTML.slice(0, 120))"""
        )
        assert cut == []
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, select, input[type=text]")]
              .filter((node) => node.checkVisibility())
              .filter((node) => node.getBoundingClientRect().height < 40)
              .map((node) => node.outerHTML.slice(0, 120))"""
        )
        assert small == []


def test_the_answer_is_brought_into_view_on_a_small_screen(
    open_desk: Callable[..., Any], service: Running, pictures: Pair
) -> None:
    how = {"viewport": {"width": 360, "height": 740}, "reduced_motion": "reduce"}
    desk = open_desk(service, **how)
    desk.side("probe").scroll_into_view_if_needed()
    desk.compare(*pictures)
    expect(desk.page.locator("#headline")).to_be_in_viewport()


def test_nothing_runs_about_where_less_motion_is_asked_for(
    open_desk: Callable[..., Any], service: Running, pictures: Pair
) -> None:
    desk = open_desk(service, reduced_motion="reduce")
    page = desk.page
    page.route("**/v1/verify", lambda route: None)
    desk.choose("reference", pictures[0])
    desk.choose("probe", pictures[1])
    desk.expect_verdict("busy")
    style = "getComputedStyle(document.querySelector('.progress'), '::after').animationName"
    assert page.evaluate(style) == "none"
    page.get_by_role("button", name="Cancel").click()
