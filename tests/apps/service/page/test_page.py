"""The page, in a browser, before a service that runs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image as Pillow
from running_service import Running, running

from renzheng.apps.service import keys
from renzheng.verification.verifier import Verifier

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

expect = pytest.importorskip("playwright.sync_api", reason="needs playwright").expect

Pair = tuple[Path, Path]
_TOLD = re.compile("Failed to load resource")  # the browser's own line on a status like 503


def _box_of(page: Page, selector: str) -> tuple[float, ...]:
    return tuple(
        page.evaluate(
            """(selector) => {
              const {left, top, right, bottom} =
                document.querySelector(selector).getBoundingClientRect();
              return [left, top, right, bottom];
            }""",
            selector,
        )
    )


# --- two pictures and an answer --------------------------------------------------------------


def test_two_chosen_pictures_are_compared_by_themselves(answered: Any) -> None:
    desk, answer = answered
    page = desk.page
    assert answer["decision"] == "inconclusive"
    desk.expect_verdict("inconclusive")
    expect(page.get_by_role("heading", level=1)).to_have_text("Inconclusive")
    expect(page.locator("#reason")).to_contain_text("it is the very photograph of the document")
    expect(page.locator("#distance")).to_have_text(f"{answer['distance']:.4f}")
    expect(page.locator("#fmr")).to_have_text("≤ 4 in 1,000,000")
    expect(page.locator("#fmr-sentence")).to_have_text(
        "Of 1,000,000 comparisons of different people, at most 4 would come this close or closer."
    )
    expect(page.get_by_role("status").first).to_contain_text("Inconclusive")
    expect(page.locator("[data-code=same_picture]")).to_have_attribute("data-effect", "doubt")
    assert page.locator(".crops img").count() == 2
    assert page.title().startswith("Inconclusive")


def test_boxes_and_landmarks_lie_over_the_faces(
    answered: Any, pictures: Pair, verifier: Verifier
) -> None:
    page = answered[0].page
    (face,) = verifier.detect(str(pictures[1]))
    with Pillow.open(pictures[1]) as picture:
        width, height = picture.size
    left, top, right, bottom = _box_of(page, "#probe .shot img")
    scale = min((right - left) / width, (bottom - top) / height)
    middle = (left + right) / 2, (top + bottom) / 2  # it is shown whole, in the middle

    def shown(x: float, y: float) -> tuple[float, float]:
        return middle[0] + (x - width / 2) * scale, middle[1] + (y - height / 2) * scale

    x1, y1, x2, y2 = (float(v) for v in face.box)
    drawn = _box_of(page, "#probe .face-box")
    assert drawn == pytest.approx((*shown(x1, y1), *shown(x2, y2)), abs=3)
    left, top, right, bottom = _box_of(page, "#probe .face path:last-child")
    eyes, mouth = face.landmarks[0], face.landmarks[4]
    assert left <= shown(*eyes)[0] <= right
    assert top <= shown(*mouth)[1] <= bottom


def test_a_ghost_is_told_from_the_portrait_and_marks_can_be_hidden(answered: Any) -> None:
    desk, _ = answered
    card = desk.side("reference")
    parts = [each.get_attribute("data-part") for each in card.locator("g.face").all()]
    assert parts == ["ghost", "chosen"]  # drawn last, the chosen one lies on top
    assert card.locator(".legend li").all_inner_texts() == [
        "compared",
        "ghost portrait of the same person",
    ]
    chosen, ghost = (card.locator(f"g[data-part={part}] .face-box") for part in parts[::-1])
    stroke = "(node) => [getComputedStyle(node).stroke, getComputedStyle(node).strokeWidth]"
    assert chosen.evaluate(stroke) == ["rgb(64, 224, 150)", "4px"]
    assert ghost.evaluate(stroke) == ["rgb(120, 200, 255)", "2px"]
    desk.page.get_by_label("Show boxes and landmarks").uncheck()
    expect(card.locator("svg.marks")).to_be_hidden()
    desk.page.get_by_label("Show boxes and landmarks").check()
    expect(card.locator("svg.marks")).to_be_visible()


def test_the_curves_say_where_the_distance_lies(answered: Any) -> None:
    desk, answer = answered
    plot = desk.page.locator(".plot svg")
    words = plot.get_attribute("aria-label")
    assert f"Measured here: {answer['distance']:.3f}." in words
    assert f"Match up to {answer['display']['distributions']['match']:.3f}." in words
    place = {
        name: float(plot.locator(f".{name}").first.get_attribute("x1")) for name in ("here", "cut")
    }
    assert 0 < place["here"] < place["cut"]
    before = plot.get_attribute("width")
    desk.page.set_viewport_size({"width": 420, "height": 900})
    expect(plot).not_to_have_attribute("width", before)
    desk.page.set_viewport_size({"width": 1280, "height": 900})
    expect(plot).to_have_attribute("width", before)


def test_the_json_is_the_answer_without_its_pictures(answered: Any) -> None:
    desk, answer = answered
    answer = {name: value for name, value in answer.items() if name != "display"}
    page = desk.page
    page.get_by_text("The answer as JSON").click()
    assert json.loads(page.locator("pre").inner_text()) == answer
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert json.loads(Path(download.value.path()).read_text("utf-8")) == answer


def test_nothing_moves_when_the_answer_comes(desk: Any, pictures: Pair) -> None:
    places = ("#verdict", "#compare", "#reference .stage", "#probe .tools", "#options")
    before = [_box_of(desk.page, each)[:2] for each in places[:4]]
    desk.compare(*pictures)
    assert [_box_of(desk.page, each)[:2] for each in places[:4]] == before


def test_quality_packs_and_timings_are_shown(answered: Any) -> None:
    desk, answer = answered
    page = desk.page
    for name, found in answer["reference"]["quality"].items():
        cell = page.locator(f"tr[data-measure={name}] td").first
        expect(cell.locator(".component")).to_have_text(str(found["component"]))
    expect(page.locator(".facts")).to_contain_text(answer["pack"]["digest"])
    expect(page.locator(".facts")).to_contain_text(answer["pack"]["detector_digest"])
    assert page.locator(".times tr").count() == len(answer["timings_ms"]) + 1


def test_a_letter_is_refused_and_called_none_at_once(
    desk: Any, pictures: Pair, letter: Path
) -> None:
    page = desk.page
    desk.choose("probe", letter)
    expect(desk.side("probe").locator(".side-note")).to_contain_text("does not look like a picture")
    expect(desk.side("probe").locator(".blind")).to_be_visible()
    desk.choose("reference", pictures[0])
    desk.expect_verdict("not_comparable")
    refusal = page.locator("[data-code=unreadable]")
    expect(refusal).to_have_attribute("data-effect", "refusal")
    expect(refusal).to_contain_text("rules out a comparison")
    expect(page.locator("#distance")).to_have_text("not measured")
    # The other side still shows what was found in it.
    assert desk.side("reference").locator("g.face").count() == 2


def test_a_file_name_is_a_text_and_nothing_else(desk: Any, pictures: Pair, tmp_path: Path) -> None:
    name = "<img src=x onerror=document.title='owned'>\u202egnp.png"
    hostile = tmp_path / name
    hostile.write_bytes(pictures[0].read_bytes())
    desk.compare(hostile, pictures[1])
    shown = desk.side("reference").locator(".file")
    expect(shown).to_have_text(name.replace("\u202e", "\ufffd"))
    assert desk.page.locator("img[src=x]").count() == 0
    assert "owned" not in desk.page.title()


# --- ways to give a picture ------------------------------------------------------------------


def test_a_dropped_picture_is_taken_where_it_falls(desk: Any, pictures: Pair) -> None:
    page = desk.page
    desk.drop("#probe .zone", pictures[1], event="dragenter")
    expect(desk.side("probe").locator(".release")).to_be_visible()
    expect(desk.side("reference").locator(".release")).to_be_hidden()
    desk.drop("#probe .zone", pictures[1])
    expect(desk.side("probe").locator(".release")).to_be_hidden()
    expect(desk.side("probe")).to_have_attribute("data-state", "filled")
    expect(desk.side("reference")).to_have_attribute("data-state", "empty")
    expect(page.locator("#reason")).to_contain_text("The reference is still missing")
    desk.drop("#reference .zone", pictures[0])
    desk.expect_verdict("inconclusive")


def test_two_pictures_dropped_together_fill_both_sides(desk: Any, pictures: Pair) -> None:
    desk.drop("footer", *pictures)  # beside both sides, where a browser would leave the page
    desk.expect_verdict("inconclusive")
    expect(desk.side("reference").locator(".file")).to_have_text("card.png")
    expect(desk.side("probe").locator(".file")).to_have_text("portrait.png")


def test_a_pasted_picture_goes_to_the_focused_side_else_to_the_first_empty_one(
    desk: Any, pictures: Pair
) -> None:
    desk.side("probe").locator(".zone").focus()
    desk.paste(pictures[1])
    expect(desk.side("probe")).to_have_attribute("data-state", "filled")
    desk.page.evaluate("document.activeElement.blur()")
    desk.paste(pictures[0])
    expect(desk.side("reference").locator(".file")).to_have_text("card.png")
    desk.expect_verdict("inconclusive")
    desk.page.evaluate("document.activeElement.blur()")
    desk.paste(pictures[0])  # both are there: none is thrown away unasked
    expect(desk.page.locator("#announcement")).to_contain_text("move to the one to replace")
    desk.expect_verdict("inconclusive")


def test_the_camera_takes_one_picture_and_is_let_go(
    open_desk: Callable[..., Any], service: Running
) -> None:
    script = """
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    window.streams = [];
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      const stream = await ask(wanted);
      window.streams.push(stream);
      return stream;
    };
    """
    desk = open_desk(service, script=script)
    live = desk.side("probe")
    live.get_by_role("button", name="Take a picture with the camera").click()
    expect(live.locator(".side-note")).to_have_text("The camera is on.")
    expect(live.get_by_role("button", name="Take picture")).to_be_focused()
    desk.page.wait_for_function("document.querySelector('#probe video').videoWidth > 0")
    live.get_by_role("button", name="Take picture").click()
    expect(live).to_have_attribute("data-state", "filled")
    expect(live.locator(".file")).to_have_text("camera picture.jpg")
    states = "window.streams.flatMap((each) => each.getTracks().map((track) => track.readyState))"
    assert desk.page.evaluate(states) == ["ended"]
    live.get_by_role("button", name="Take a picture with the camera").click()
    expect(live.get_by_role("button", name="Take picture")).to_be_enabled()
    live.get_by_role("button", name="Close camera").click()
    assert desk.page.evaluate(states) == ["ended", "ended"]
    expect(live.locator("img")).to_be_visible()  # the picture from before is still there


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "navigator.mediaDevices.getUserMedia = async () => "
            "{ throw new DOMException('', 'NotAllowedError'); };",
            "The camera was refused",
        ),
        (
            "navigator.mediaDevices.getUserMedia = async () => "
            "{ throw new DOMException('', 'NotFoundError'); };",
            "No camera was found",
        ),
        (
            "Object.defineProperty(navigator, 'mediaDevices', {value: undefined});"
            "Object.defineProperty(window, 'isSecureContext', {value: false});",
            "secure pages only",
        ),
    ],
    ids=["refused", "none", "insecure"],
)
def test_no_camera_is_explained(
    open_desk: Callable[..., Any], service: Running, script: str, words: str
) -> None:
    desk = open_desk(service, script=script)
    live = desk.side("probe")
    live.get_by_role("button", name="Take a picture with the camera").click()
    expect(live.locator(".side-note")).to_contain_text(words)
    expect(live.locator(".zone")).to_be_visible()


def test_pictures_are_exchanged_removed_and_cleared(desk: Any, pictures: Pair) -> None:
    page = desk.page
    desk.compare(*pictures)
    page.get_by_role("button", name="Exchange the two pictures").click()
    expect(desk.side("reference").locator(".file")).to_have_text("portrait.png")
    expect(page.locator("#details")).to_be_visible()
    page.get_by_role("button", name="Remove the picture: Probe").click()
    expect(page.locator("#details")).to_be_hidden()
    desk.expect_verdict("idle")
    expect(desk.side("probe").locator(".zone")).to_be_focused()
    page.get_by_role("button", name="Next comparison").click()
    expect(desk.side("reference").locator(".zone")).to_be_focused()
    assert page.locator(".file bdi").count() == 0


# --- options ---------------------------------------------------------------------------------


_RECORD = """
window.sent = [];
const send = window.fetch;
window.fetch = (path, request) => {
  if (request?.body instanceof FormData)
    window.sent.push(Object.fromEntries(
      [...request.body].map(([name, value]) => [name, value.name ?? value])));
  return send(path, request);
};
"""


def test_only_options_that_were_touched_are_sent(
    open_desk: Callable[..., Any], service: Running, pictures: Pair
) -> None:
    desk = open_desk(service, script=_RECORD)
    page = desk.page
    page.locator("#options summary").click()
    desk.compare(*pictures)
    # A file's own name is nobody's business.
    usual = {"reference": "reference", "probe": "probe", "roles": "document,live"}
    usual["display"] = "true"
    assert page.evaluate("window.sent") == [usual]
    page.get_by_label("Allow the document's own photograph").check()
    desk.expect_verdict("match")
    assert page.evaluate("window.sent.at(-1)") == {**usual, "allow_same_picture": "true"}
    page.get_by_label("A match has a false match rate").select_option(label="another rate …")
    page.get_by_label("The rate, between 0 and 1").fill("2")
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_label("The rate, between 0 and 1")).to_be_focused()
    expect(page.locator("#rate-problem")).to_contain_text("between 0 and 1")
    expect(page.locator("#details")).to_be_hidden()
    assert page.evaluate("window.sent.length") == 2
    page.get_by_label("The rate, between 0 and 1").fill("0,0002")
    page.get_by_role("button", name="Compare", exact=True).click()
    desk.expect_verdict("match")
    assert page.evaluate("window.sent.at(-1).max_fmr") == "0.0002"


def test_the_roles_name_the_sides(desk: Any) -> None:
    page = desk.page
    page.locator("#options summary").click()
    page.get_by_label("The probe is").select_option("photo")
    expect(page.get_by_role("heading", name="Probe: Photograph")).to_be_visible()
    assert page.locator("#liveness-field").is_hidden()  # this service has no such pack
    expect(page.locator("#resolution")).to_contain_text("0.000004")


def test_it_says_on_whom_the_rate_was_measured(
    open_desk: Callable[..., Any], service: Running, pictures: Pair
) -> None:
    rates = [
        {"population": "LFW's people", "covered": True, "value": 5e-6, "resolution": 4e-6},
        {"population": "East Asian <b>women", "covered": True, "value": 4.1e-5, "resolution": 2e-4},
        {"population": "children", "covered": False, "value": 2.1e-3, "resolution": 1e-3},
        {"population": "old people", "covered": False, "value": 1e-2, "resolution": 1e-2},
    ]
    for each in rates:
        each["extrapolated"] = each["value"] < each["resolution"]
        each["at_most"] = each["value"] == each["resolution"]

    # A route cannot send the browser's upload on, so the answer is had once and told again.
    real = open_desk(service).compare(*pictures)

    def answering(said: list[dict[str, Any]]) -> Any:
        told = {**real, "fmr_by_population": said}
        desk = open_desk(service)
        desk.page.route("**/v1/verify", lambda route: route.fulfill(json=told))
        desk.compare(*pictures)
        return desk.page

    expect(answering([]).locator("#fmr-populations")).to_be_empty()
    page = answering(rates)
    lines = page.locator("#fmr-populations > span")
    expect(lines).to_have_text(
        [
            "Measured on: LFW's people 0.000005; East Asian <b>women 0.000041 (extrapolated below "
            "0.0002); the worst counts",
            "Not covered: children 0.0021; old people at most 0.01",
        ]
    )
    page.get_by_role("button", name="中文").click()
    expect(lines).to_have_text(
        [
            "测量人群： LFW's people 0.000005；East Asian <b>women 0.000041（低于 0.0002 为外推）；"
            "以最差者为准",
            "未涵盖人群： children 0.0021；old people 至多 0.01",
        ]
    )


def test_a_rate_that_is_not_stated_is_told(
    open_desk: Callable[..., Any], service: Running, pictures: Pair
) -> None:
    real = open_desk(service).compare(*pictures)
    information = {"grade": "insufficient", "reference": 4.04, "probe": 3.2, "wanted": 10.5}
    little = {"side": "probe", "effect": "doubt", "code": "little_information", "message": "bad"}
    told = {
        **{**real, "decision": "inconclusive", "reason": "probe: bad"},
        **{"fmr": None, "llr": None, "fmr_by_population": [], "information": information},
        **{"warnings": [little], "display": {**real["display"], "distributions": None}},
    }
    desk = open_desk(service)
    desk.page.route("**/v1/verify", lambda route: route.fulfill(json=told))
    desk.compare(*pictures)
    page = desk.page
    desk.expect_verdict("inconclusive")
    expect(page.locator("#fmr")).to_have_text("not stated")
    expect(page.locator("#fmr-sentence")).to_contain_text("show too little of a face")
    facts = page.get_by_role("row").filter(has_text="Information in the faces")
    expect(facts).to_contain_text(
        "insufficient: no rate holds for faces that show so little; reference 4.0, probe 3.2; "
        "full from 10.5 on one side"
    )
    expect(page.locator("#details")).to_contain_text("No curve holds for this comparison.")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#fmr")).to_have_text("不予给出")
    for language in ("中文", "English"):
        page.get_by_role("button", name=language).click()
        shown = page.locator("main").inner_text().replace(page.locator("pre").inner_text(), "")
        assert not re.search(r"NaN|\bnull\b|undefined|\{\w+\}", shown)


def test_what_the_server_has_is_offered(
    open_desk: Callable[..., Any], service: Running, pictures: Pair
) -> None:
    offer = {
        "packs": [
            {"name": "one", "kind": "embedder", "default": True, "resolution": 1e-5},
            {"name": "two", "kind": "embedder", "default": False, "resolution": 1e-7},
            {"name": "texture", "kind": "liveness", "default": True},
        ],
        "policy": {"max_fmr": 2e-5, "allow_several_faces": True, "min_liveness": 0.4},
        "max_upload": 1 << 20,
    }
    desk = open_desk(service, script=_RECORD)
    page = desk.page
    page.route("**/v1/packs", lambda route: route.fulfill(json=offer))
    page.reload()
    page.locator("#options summary").click()
    expect(page.get_by_label("Network")).to_have_value("one")
    expect(page.get_by_label("The rate, between 0 and 1")).to_have_value("0.00002")
    expect(page.get_by_label("Allow several faces")).to_be_checked()
    expect(page.get_by_label("Least liveness")).to_have_value("0.4")
    page.get_by_label("Network").select_option("two")
    expect(page.locator("#resolution")).to_contain_text("0.0000001")
    page.get_by_label("Least liveness").fill("3")
    desk.drop("footer", *pictures)
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page.get_by_label("Least liveness")).to_be_focused()
    page.get_by_label("Least liveness").fill("0.7")
    page.route("**/v1/verify", lambda route: None)
    page.get_by_role("button", name="Compare", exact=True).click()
    desk.expect_verdict("busy")
    sent = page.evaluate("window.sent.at(-1)")
    assert (sent["pack"], sent["min_liveness"]) == ("two", "0.7")
    assert "max_fmr" not in sent
    page.get_by_role("button", name="Cancel").click()


def test_a_picture_that_is_too_large_is_called_so_at_once_and_by_the_server(
    desk: Any, pictures: Pair, tmp_path: Path
) -> None:
    expect(desk.page.locator("#resolution")).not_to_be_empty()  # the offer has come
    large = tmp_path / "large.jpg"
    large.write_bytes(b"\xff\xd8" + bytes(25 << 20))
    desk.choose("probe", large)
    expect(desk.side("probe").locator(".side-note")).to_have_text(
        "25.0 MB: the server takes at most 24.0 MB for both pictures."
    )
    desk.choose("reference", pictures[0])
    desk.expect_verdict("failed")
    expect(desk.page.locator("#reason")).to_contain_text("larger than the server takes")
    desk.errors[:] = [each for each in desk.errors if not _TOLD.search(each)]


# --- time and trouble ------------------------------------------------------------------------


def test_an_old_answer_is_never_shown_beside_new_pictures(
    desk: Any, pictures: Pair, letter: Path
) -> None:
    page = desk.page
    held: list[Route] = []
    page.route("**/v1/verify", lambda route: held.append(route))
    desk.choose("reference", pictures[0])
    desk.choose("probe", pictures[1])
    desk.expect_verdict("busy")
    expect(page.locator("#verdict")).to_have_attribute("aria-busy", "true")
    page.wait_for_timeout(100)
    (old,) = held
    page.unroute("**/v1/verify")
    desk.choose("probe", letter)
    desk.expect_verdict("not_comparable")
    assert old.request.failure is not None  # it was called off
    # And an answer on show goes as soon as its picture does.
    held.clear()
    page.route("**/v1/verify", lambda route: held.append(route))
    desk.choose("probe", pictures[1])
    desk.expect_verdict("busy")
    expect(page.locator("#details")).to_be_hidden()
    assert desk.side("reference").locator("g.face").count() == 0
    page.get_by_role("button", name="Cancel").click()
    desk.expect_verdict("cancelled")
    expect(page.get_by_role("button", name="Compare", exact=True)).to_be_focused()
    # An answer gives way to the question that is asked again.
    page.unroute("**/v1/verify")
    page.get_by_role("button", name="Compare", exact=True).click()
    desk.expect_verdict("inconclusive")
    assert desk.side("reference").locator("g.face").count() == 2
    page.route("**/v1/verify", lambda route: held.append(route))
    page.get_by_role("button", name="Compare", exact=True).click()
    desk.expect_verdict("busy")
    expect(page.locator("#details")).to_be_hidden()
    assert desk.side("reference").locator("g.face").count() == 0
    # None comes after its picture was taken away.
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Remove the picture: Probe").click()
    desk.expect_verdict("idle")
    page.unroute("**/v1/verify")


def test_a_busy_server_is_asked_again_when_it_says(desk: Any, pictures: Pair) -> None:
    page = desk.page
    asked: list[int] = []

    def busy_twice(route: Route) -> None:
        asked.append(1)
        if len(asked) > 2:
            route.continue_()
            return
        wait = "1" if len(asked) == 1 else "50"
        problem = {"status": 503, "code": "busy", "detail": "more requests wait than may"}
        route.fulfill(
            status=503,
            headers={"Retry-After": wait, "Content-Type": "application/problem+json"},
            body=json.dumps(problem),
        )

    page.route("**/v1/verify", busy_twice)
    desk.choose("reference", pictures[0])
    desk.choose("probe", pictures[1])
    expect(page.locator("#countdown")).to_have_text("Again in 1 s")
    expect(page.locator("#countdown")).to_have_text(re.compile("Again in (50|4[89]) s"))
    page.get_by_role("button", name="Try now").click()
    desk.expect_verdict("inconclusive")
    assert len(asked) == 3
    desk.errors[:] = [each for each in desk.errors if not _TOLD.search(each)]


def test_a_server_that_is_not_there_is_called_so(desk: Any, pictures: Pair) -> None:
    page = desk.page
    page.route("**/v1/verify", lambda route: route.abort("connectionrefused"))
    desk.choose("reference", pictures[0])
    desk.choose("probe", pictures[1])
    desk.expect_verdict("failed")
    expect(page.locator("#reason")).to_contain_text("The server cannot be reached")
    page.unroute("**/v1/verify")
    page.get_by_role("button", name="Try again").click()
    desk.expect_verdict("inconclusive")
    desk.errors[:] = [each for each in desk.errors if not _TOLD.search(each)]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (413, '{"detail": "more than 24 MiB"}', "larger than the server takes"),
        (422, '{"detail": "max_fmr is too low"}', "does not accept one of the options"),
        (502, "<h1>Bad gateway</h1>", "The server failed (status 502)"),
        (200, "<h1>Welcome to the hotel's wireless network</h1>", "answer cannot be read"),
        (200, '{"decision": "match", "reference": {}, "probe": {}}', "answer cannot be read"),
    ],
)
def test_other_troubles_are_explained(
    desk: Any, letter: Path, status: int, body: str, words: str
) -> None:
    page = desk.page
    page.route("**/v1/verify", lambda route: route.fulfill(status=status, body=body))
    desk.drop("footer", letter, letter)
    desk.expect_verdict("failed")
    expect(page.locator("#reason")).to_contain_text(words)
    if "detail" in body:
        expect(page.locator("#original")).to_have_text(json.loads(body)["detail"])
    expect(page.locator("#details")).to_be_hidden()
    desk.errors[:] = [each for each in desk.errors if not _TOLD.search(each)]


def test_a_key_is_asked_for_and_kept_in_memory_only(
    open_desk: Callable[..., Any], pictures: Pair, tmp_path: Path
) -> None:
    key = keys.add(tmp_path / "keys", "desk")
    with running("--workers", 1, "--keys", tmp_path / "keys") as service:
        desk = open_desk(service)
        page = desk.page
        desk.choose("reference", pictures[0])
        desk.choose("probe", pictures[1])
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        field = dialog.get_by_label("Key")
        expect(field).to_be_focused()
        assert field.get_attribute("type") == "password"
        field.fill("wrong")
        field.press("Enter")
        expect(dialog.locator("#key-problem")).to_have_text("The server did not accept this key.")
        field.fill(key)
        dialog.get_by_role("button", name="Use this key").click()
        desk.expect_verdict("inconclusive")
        expect(dialog).to_be_hidden()
        expect(page.locator("#resolution")).to_have_text(re.compile("0.000004"))
        assert len([url for url in desk.requests if url.endswith("/v1/verify")]) == 2
        assert key not in json.dumps(_stored(page))
        assert key not in page.content()
        page.reload()
        desk.choose("reference", pictures[0])
        desk.choose("probe", pictures[1])
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        desk.expect_verdict("failed")
        expect(page.locator("#reason")).to_contain_text("The server wants a key")
        desk.errors[:] = [each for each in desk.errors if not _TOLD.search(each)]


def _stored(page: Page) -> dict[str, Any]:
    stored: dict[str, Any] = page.evaluate(
        """async () => ({
          local: {...localStorage},
          session: {...sessionStorage},
          databases: await indexedDB.databases(),
          caches: await caches.keys(),
          cookies: document.cookie,
        })"""
    )
    return stored


def test_nothing_is_kept_but_the_language(desk: Any, pictures: Pair) -> None:
    desk.compare(*pictures)
    empty = {"session": {}, "databases": [], "caches": [], "cookies": ""}
    assert _stored(desk.page) == {**empty, "local": {}}
    desk.page.get_by_role("button", name="中文").click()
    assert _stored(desk.page) == {**empty, "local": {"renzheng.language": "zh"}}


def test_previews_are_let_go(
    open_desk: Callable[..., Any], service: Running, pictures: Pair
) -> None:
    script = """
    window.held = new Set();
    const [make, drop] = [URL.createObjectURL, URL.revokeObjectURL];
    URL.createObjectURL = (blob) => { const url = make(blob); window.held.add(url); return url; };
    URL.revokeObjectURL = (url) => { window.held.delete(url); drop(url); };
    """
    desk = open_desk(service, script=script)
    desk.compare(*pictures)
    desk.choose("probe", pictures[1])
    desk.expect_verdict("inconclusive")
    assert desk.page.evaluate("window.held.size") == 2
    desk.page.get_by_role("button", name="Next comparison").click()
    assert desk.page.evaluate("window.held.size") == 0
