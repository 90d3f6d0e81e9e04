"""What the page says, in both languages."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from running_service import Running

from renzheng.faces.quality import MEASURES
from renzheng.verification import findings

if TYPE_CHECKING:
    from playwright.sync_api import Page

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect

Pair = tuple[Path, Path]
_PLACES = re.compile(r"\{(\w+)\}")


@pytest.fixture(scope="module")
def chinese(browser: Any, service: Running) -> Iterator[Page]:
    """A page that speaks Chinese, to call its modules in."""
    with browser.new_context(locale="zh-CN") as context:
        page = context.new_page()
        page.goto(f"{service.url}/")
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        yield page


@pytest.fixture(scope="module")
def tables(chinese: Page) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = chinese.evaluate(
        """async () => {
          const {english} = await import("/page/english.js");
          const {chinese, sentences} = await import("/page/chinese.js");
          return {english, chinese, sentences};
        }"""
    )
    return found


def test_both_languages_have_the_same_texts(tables: dict[str, dict[str, str]]) -> None:
    english, other = tables["english"], tables["chinese"]
    assert english.keys() == other.keys()
    assert not english.keys() & tables["sentences"].keys()
    for key, words in english.items():
        places = [set(_PLACES.findall(each)) for each in (words, other[key])]
        assert places[0] == places[1], key
        assert words.strip() or key == "sentence.gap", key
        assert other[key].strip() or key == "sentence.gap", key


@pytest.mark.parametrize("name", ["english.js", "chinese.js", "wording.js"])
def test_no_text_is_given_twice(name: str) -> None:
    """JavaScript takes the last one without a word."""
    source = (files("renzheng.apps.service") / "page" / name).read_text(encoding="utf-8")
    for table in re.split(r"^(?:export )?const ", source, flags=re.MULTILINE):
        keys = re.findall(r'^  ("[^"]+"|[a-z_]+):', table, re.MULTILINE)
        assert sorted(keys) == sorted(set(keys))


def test_every_text_is_used(tables: dict[str, dict[str, str]]) -> None:
    folder = files("renzheng.apps.service") / "page"
    skipped = ("english.js", "chinese.js")
    sources = "".join(
        entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith((".js", ".html")) and entry.name not in skipped
    )
    # Keys that are put together have their beginnings in a template: `decision.${...}`.
    beginnings = set(re.findall(r"`([a-z_.]+\.)\$\{", sources))
    beginnings |= {f"{each}." for each in re.findall(r'counted\("(\w+)"', sources)}
    idle = [
        key
        for key in {**tables["english"], **tables["sentences"]}
        if f'"{key}"' not in sources and not any(key.startswith(each) for each in beginnings)
    ]
    assert idle == []


def test_every_measure_has_its_name_unit_and_remedies(
    chinese: Page, tables: dict[str, dict[str, str]]
) -> None:
    for name, measure in MEASURES.items():
        assert tables["english"][f"measure.{name}"] == measure.title
        for role in ("live", "document"):
            assert tables["sentences"][f"remedy.{role}.{name}"]
        shown = chinese.evaluate(
            "async (name) => (await import('/page/wording.js')).measured(name, 1)", name
        )
        unit = {"px": "像素", "bit": "比特"}.get(measure.unit, measure.unit)
        assert shown.lstrip("1.0").strip() == unit


def _codes() -> set[str]:
    """Every code that a finding can have."""
    calls = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(findings)))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding"
    ]
    named = {
        each.args[0].value for each in calls if each.args and isinstance(each.args[0], ast.Constant)
    }
    told = findings._COVERED
    measured = {findings._PROBLEMS.get(name, (f"low_{name}",))[0] for name in MEASURES}
    measured -= {findings._PROBLEMS.get(name, (f"low_{name}",))[0] for name in told}
    return {*map(str, named), "no_face", "unreadable", *measured}


_ANSWER = """
(found, role) => {
  const quality = Object.fromEntries(
    found.measures.map((name) => [name, {value: 0.5, component: 7}]));
  const side = {role, quality, size: [10, 10], face: {score: 0.6},
    faces: [{part: "chosen"}, {part: "rival"}, {part: "stranger"}, {part: "stranger"}]};
  return {decision: "not_comparable", reason: "English", distance: 0.3, fmr: null,
    information: {grade: "limited", reference: 7.34, probe: 6.1, wanted: 10.5},
    policy: {max_fmr: 1e-4, inconclusive: 10,
             min_document_quality: {}, min_live_quality: {sharpness: 60}},
    same_picture: {mirrored: true}, liveness: {score: 0.2, threshold: 0.5},
    reference: side, probe: side, warnings: [found]};
}
"""


@pytest.mark.parametrize("role", ["document", "live", "photo"])
def test_every_finding_is_told_in_chinese(chinese: Page, role: str) -> None:
    for code in sorted(_codes()):
        for effect in ("warning", "doubt", "refusal"):
            found = {"code": code, "side": "probe", "message": "English", "effect": effect}
            told, reason = chinese.evaluate(
                f"""async ([found, role]) => {{
                  const {{finding, reason}} = await import("/page/wording.js");
                  const answer = ({_ANSWER})(found, role);
                  return [finding(found, answer), reason(answer)];
                }}""",
                [{**found, "measures": list(MEASURES)}, role],
            )
            assert "English" not in told["text"], code
            assert re.search(r"[\u4e00-\u9fff]{2}", told["text"]), code
            assert "{" not in told["text"], code
            assert (told["original"] == "English") is (code in ("unreadable", "no_face"))
            if effect == "refusal":
                assert told["text"].rstrip("。") in reason["text"]


def test_strengths_are_in_the_words_of_a_finding(chinese: Page) -> None:
    for code in ("little_information", "limited_information"):
        found = {"code": code, "side": "probe", "message": "English", "effect": "warning"}
        told = chinese.evaluate(
            f"""async (found) => (await import("/page/wording.js"))
              .finding(found, ({_ANSWER})(found, "live"))""",
            {**found, "measures": []},
        )
        assert "（强度 7.3 与 6.1，至少一侧须达到 10.5）" in told["text"]


@pytest.mark.parametrize(
    ("information", "words"),
    [
        (
            {"grade": "insufficient", "reference": 4.0, "probe": 3.21, "wanted": 10.5},
            "不足：人脸信息太少，任何误匹配率都不成立；参考 4.0，待验 3.2；"
            "至少一侧达到 10.5 为充分",
        ),
        (
            {"grade": "unknown", "reference": None, "probe": 12, "wanted": None},
            "未知：误匹配率按良好图片计算；参考 未知，待验 12.0",
        ),
        ({"grade": "unknown", "reference": None, "probe": None, "wanted": 10.5}, ""),
        ({"grade": "newer", "reference": 1, "probe": 1, "wanted": 10.5}, ""),
        (None, ""),
    ],
)
def test_the_information_is_told(
    chinese: Page, information: dict[str, Any] | None, words: str
) -> None:
    told = chinese.evaluate(
        "async (information) => (await import('/page/wording.js')).information({information})",
        information,
    )
    assert told == words


def test_too_little_of_a_face_has_its_reason_and_no_rate(chinese: Page) -> None:
    found = {"code": "little_information", "side": "probe", "message": "English", "effect": "doubt"}
    reason, rate = chinese.evaluate(
        f"""async (found) => {{
          const {{reason, fmrSentence}} = await import("/page/wording.js");
          const answer = {{...({_ANSWER})(found, "live"), decision: "inconclusive"}};
          answer.information.grade = "insufficient";
          return [reason(answer), fmrSentence(answer)];
        }}""",
        {**found, "measures": []},
    )
    assert reason["original"] is None
    assert reason["text"].startswith(
        "待验：两张图片显示的人脸信息都太少，无法比较（强度 7.3 与 6.1"
    )
    assert rate == "两张图片显示的人脸信息都太少：无法知道不同的人的这类图片有多常这么接近。"


def test_an_unknown_finding_keeps_its_english_words(chinese: Page) -> None:
    found = {"code": "new", "side": "probe", "message": "English", "effect": "warning"}
    told = chinese.evaluate(
        f"""async (found) => (await import("/page/wording.js"))
          .finding(found, ({_ANSWER})(found, "live"))""",
        {**found, "measures": []},
    )
    assert told == {"text": None, "original": "English"}


@pytest.mark.parametrize(
    ("decision", "value", "at_most", "words"),
    [
        ("match", 4e-6, True, "此处的误匹配率至多为 0.000004；策略接受到 0.0001。"),
        ("match", 1e-4, False, "此处的误匹配率为 0.0001；策略接受到 0.0001。"),
        (
            "inconclusive",
            1.0003e-4,
            False,
            "此处的误匹配率为 0.00010003，介于 0.0001（匹配）与 0.001（不匹配）之间；应由人来看。",
        ),
        ("no_match", 0.79, False, "此处的误匹配率为 0.79；策略拒绝高于 0.001 的结果。"),
        (
            "inconclusive",
            4e-6,
            True,
            "距离足以判为匹配，但待验：这就是证件上那张照片的镜像：请给本人拍照。",
        ),
    ],
)
def test_the_reason_is_told_in_chinese(
    chinese: Page, decision: str, value: float, at_most: bool, words: str
) -> None:
    found = {"code": "same_picture", "side": "probe", "message": "English", "effect": "doubt"}
    told = chinese.evaluate(
        f"""async ([found, changes]) => (await import("/page/wording.js"))
          .reason({{...({_ANSWER})(found, "live"), ...changes}})""",
        [
            {**found, "measures": []},
            {"decision": decision, "distance": 0.3, "fmr": {"value": value, "at_most": at_most}},
        ],
    )
    assert told == {"text": words, "original": None}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (4e-6, ["4", "1,000,000"]),
        (1e-4, ["1", "10,000"]),
        (9.4e-4, ["94", "100,000"]),
        (0.00123, ["12", "10,000"]),
        (0.79, ["79", "100"]),
        (1.0, ["100", "100"]),
        (0.0, ["0", "1,000,000"]),
    ],
)
def test_a_rate_is_counted(chinese: Page, value: float, words: list[str]) -> None:
    told = chinese.evaluate(
        "async (value) => (await import('/page/wording.js')).inWords({value})", value
    )
    assert [told["count"], told["of"]] == words


def test_the_whole_page_speaks_chinese_and_remembers_it(
    open_desk: Callable[..., Any], service: Running, pictures: Pair, letter: Path
) -> None:
    desk = open_desk(service, locale="zh-CN")
    page = desk.page
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    answer = desk.compare(*pictures)
    expect(page.get_by_role("heading", level=1)).to_have_text("无法判定")
    expect(page.locator("#fmr-sentence")).to_have_text(
        "在 1,000,000 次不同人之间的比较中，至多有 4 次会这么接近或更接近。"
    )
    assert page.title() == "无法判定 · 人证比对"
    page.locator("#options summary").click()
    # Whatever English is left is marked as such, or is a name.
    left = page.evaluate(
        r"""() => {
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          const found = [];
          for (let node = walker.nextNode(); node; node = walker.nextNode())
            if (!node.parentElement.closest("[lang=en], bdi, pre, script, template, noscript") &&
                /[A-Za-z]{3,} [A-Za-z]{2,}/.test(node.textContent)) found.push(node.textContent);
          return found;
        }"""
    )
    assert left == []
    labels = page.evaluate(
        "[...document.querySelectorAll('body [aria-label]')].map((e) => e.ariaLabel)"
    )
    assert all(re.search(r"[\u4e00-\u9fff]", label) for label in labels), labels
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Inconclusive")
    expect(page.locator("#reason")).to_have_text(
        answer["reason"][0].upper() + answer["reason"][1:] + "."
    )
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()  # what was chosen is stronger than what the browser prefers
    expect(page.locator("html")).to_have_attribute("lang", "en")


def test_a_refusal_in_chinese_keeps_the_servers_words_beside_it(
    open_desk: Callable[..., Any], service: Running, pictures: Pair, letter: Path
) -> None:
    desk = open_desk(service, locale="zh-TW")
    answer = desk.compare(pictures[0], letter)
    item = desk.page.locator("[data-code=unreadable]")
    expect(item).to_contain_text("图片无法读取")
    expect(item.locator("[lang=en]")).to_have_text(answer["warnings"][0]["message"])
