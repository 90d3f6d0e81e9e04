import dataclasses
import io
from dataclasses import replace
from html.parser import HTMLParser
from math import erf
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures

from information_levels import calibration_with_levels
from renzheng.apps.reports import thumbnails
from renzheng.apps.reports import verification as report
from renzheng.apps.reports.verification import content, distributions, drawing
from renzheng.errors import InvalidInput, RenzhengError
from renzheng.types import (
    Capture,
    Choice,
    Comparison,
    Decision,
    Face,
    FaceCandidate,
    FaceKind,
    FalseMatchRate,
    Finding,
    Information,
    InformationGrade,
    LivenessScore,
    Measurement,
    Outcome,
    PopulationRate,
    Rectification,
    Role,
    SamePhoto,
    Severity,
    Verification,
)
from renzheng.verification import populations
from renzheng.verification.calibration import Calibration, Population
from renzheng.verification.policy import Policy

HOSTILE = "<script>alert('x')</script>\"&\u202egpj.\udcff\n人脸.jpg"
VOID = {"meta", "img", "br", "link", "line", "rect", "path"}


def normal(x: np.ndarray, mean: float, deviation: float) -> np.ndarray:
    return np.array([0.5 * (1 + erf((v - mean) / deviation / 2**0.5)) for v in x])


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    x = np.linspace(0.2, 1.6, 141)
    return Calibration(x, np.maximum(normal(x, 1.3, 0.1), 1e-5), 1 - normal(x, 0.6, 0.12), 1e-5)


def face(x: float = 20, y: float = 20, size: float = 60) -> Face:
    points = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
    return Face(
        np.array([x, y, x + size, y + size], np.float32),
        (points * size + (x, y)).astype(np.float32),
        0.98,
    )


def capture(source: str = "a.jpg", faces: int = 1, height: int = 120, width: int = 160) -> Capture:
    image = np.full((height, width, 3), 90, np.uint8)
    found = tuple(face(20 + 50 * n) for n in range(faces))
    others = [FaceCandidate(each, FaceKind.GHOST, 0.5, 12.0, 0.3) for each in found[1:]]
    return Capture(
        source,
        Role.DOCUMENT if faces > 1 else Role.LIVE,
        image,
        found,
        Choice(
            Role.DOCUMENT,
            (FaceCandidate(found[0], FaceKind.CHOSEN, 1.0), *others),
            "larger <than> a ghost",
        ),
        Rectification(turns=1, steps=("turned by 90 <degrees>",)),
        crop=image[:112, :112].copy(),
        quality={
            "inter_eye_distance": Measurement(24.0, 11),
            "head_pose_roll": Measurement(-1.5, 100),
            "novel<b>": Measurement(2.0, 50),
        },
    )


def matched(**changes: object) -> Verification:
    fields = {
        "decision": Decision.MATCH,
        "reason": "the false match rate here is at most 1e-05",
        "comparison": Comparison(0.5, 0.875, FalseMatchRate(1e-5, at_most=True)),
        "policy": Policy().to_dict(),
        "pack": {"name": "pack", "version": "7", "digest": "ab" * 32, "detector": "mtcnn"},
        "reference": capture("reference.jpg"),
        "probe": capture("probe.jpg", faces=2),
        "same_photo": SamePhoto(0.31, False, 0.8),
        "liveness": LivenessScore(0.25, 0.5, {"a": 0.25}, {"live": 0.25, "print": 0.75}),
        "findings": (
            Finding("several_faces", "probe", "2 faces: crop <the> picture", Severity.DOUBT),
        ),
        "timings_ms": {"detect": 12.34},
    }
    told = fields | changes
    outcome = Outcome(**{each.name: told.pop(each.name) for each in dataclasses.fields(Outcome)})
    return Verification(outcome, **told)


RATES = (
    PopulationRate("LFW's people", True, 5e-6, False, 4e-6),
    PopulationRate("East Asian <women>", True, 4.1e-5, True, 2e-4),
    PopulationRate("children", False, 2.1e-3, False, 1e-3),
)


def told_by_population() -> Verification:
    rate = FalseMatchRate(4.1e-5, at_most=False)
    return matched(comparison=Comparison(0.5, 0.875, rate, 3.0, RATES))


def graded(grade: str, *strengths: float | None) -> Verification:
    rate = None if grade == "insufficient" else FalseMatchRate(0.02, at_most=False)
    information = Information(InformationGrade(grade), *strengths, wanted=10.5)
    return matched(comparison=Comparison(0.9, 0.595, rate, information=information))


def not_comparable() -> Verification:
    return matched(
        decision=Decision.NOT_COMPARABLE,
        reason="the reference cannot be read",
        comparison=None,
        pack={},
        reference=Capture(HOSTILE, error=f"{HOSTILE}: the file is empty"),
        probe=Capture("b.png", Role.LIVE, np.zeros((10, 2000, 3), np.uint8), error="no face found"),
        timings_ms={},
    )


class Page(HTMLParser):
    """The tags, attributes and text of a page whose tags must nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def page(verification: Verification, calibration: Calibration | None, folder: Path) -> Page:
    path = folder / "report.html"
    report.save(verification, calibration, path)
    return Page(path.read_text(encoding="utf-8"))


def test_page_says_what_was_decided_and_why(calibration: Calibration, tmp_path: Path) -> None:
    text = page(matched(), calibration, tmp_path).text
    for wanted in (
        "Match", "The false match rate here is at most 1e-05.", "0.5000", "0.8750", "pack 7",
        "ab" * 32, "mtcnn", "detect 12.3 ms", "2 faces found", "2 faces: crop <the> picture",
        "personal data", "Distance between the eyes", "24 px (11)", "160 by 120 px", "here 0.500",
        "inconclusive up to 0.001", "reference.jpg", "probe.jpg", "the live picture",
        "the document", "larger <than> a ghost", "turned by 90 <degrees>",
        "(rules out a match)", "agreement 0.31, one photograph from 0.80",
        "0.250, live from 0.50",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_it_says_on_whom_the_rate_was_measured(calibration: Calibration, tmp_path: Path) -> None:
    assert populations.measured_on(RATES) == (
        "LFW's people 5e-06, East Asian <women> 4.1e-05 (extrapolated below 0.0002); "
        "the worst counts"
    )
    assert populations.not_covered(RATES) == "children: 0.0021"
    assert populations.measured_on(RATES[:1]) == "LFW's people 5e-06"
    bound = replace(RATES[0], value=4e-6, at_most=True)
    assert populations.measured_on([bound]) == "LFW's people at most 4e-06"
    assert populations.measured_on(()) == populations.not_covered(RATES[:2]) == ""
    text = page(told_by_population(), calibration, tmp_path).text
    assert f"Measured on: {populations.measured_on(RATES)}" in text
    assert "Not covered: children: 0.0021" in text
    assert "Measured on" not in page(matched(), calibration, tmp_path).text


def test_a_calibration_says_on_whom_it_was_measured(calibration: Calibration) -> None:
    assert populations.of_calibration(None) == populations.of_calibration(calibration) == ""
    curve = calibration.fmr
    told = replace(
        calibration,
        populations=(
            Population("LFW's people", "", 2800, True, 1e-5, curve),
            Population("children", "", 300, False, 1e-3, curve),
        ),
    )
    assert populations.of_calibration(told) == (
        "LFW's people (extrapolated below 1e-05); not covered: children"
    )
    stated = replace(told, populations=told.populations[1:])
    assert populations.of_calibration(stated) == "not covered: children"


def test_it_says_how_much_of_a_face_the_rate_rests_on(
    calibration: Calibration, tmp_path: Path
) -> None:
    levels = calibration_with_levels(calibration, "limited")
    told = page(graded("limited", 8.12, 7.9), levels, tmp_path).text
    said = "Information in the faces: limited (strength 8.12 and 7.9, 10.5 wanted on one side at"
    assert said in told
    assert "of different people whose faces show as little as these" in told
    plain = page(graded("full", 12.0, None), calibration, tmp_path).text
    assert "full (strength 12 and unknown, 10.5 wanted" in plain
    assert "as little as these" not in plain
    assert "Information in the faces" not in page(matched(), calibration, tmp_path).text


def test_a_rate_that_is_not_stated_is_no_missing_calibration(
    calibration: Calibration, tmp_path: Path
) -> None:
    verification = graded("insufficient", 3.0, 2.0)
    assert ("False match rate", "not stated") in content.figures(verification)
    found = page(verification, calibration_with_levels(calibration, "insufficient"), tmp_path)
    assert (
        "insufficient (strength 3 and 2, 10.5 wanted on one side at least); no false" in found.text
    )
    assert "svg" not in {tag for tag, _ in found.seen}  # no curve holds
    uncalibrated = matched(comparison=Comparison(0.9, 0.595, None))
    assert ("False match rate", "none") in content.figures(uncalibrated)


def test_pictures_are_described_in_words(calibration: Calibration, tmp_path: Path) -> None:
    found = page(matched(), calibration, tmp_path)
    described = [attributes["alt"] for tag, attributes in found.seen if tag == "img"]
    reference, its_face, probe, the_other = (text or "" for text in described)
    assert reference.startswith("Reference: the live picture, reference.jpg: 1 face")
    assert its_face == "Reference: the live picture, its aligned face as it was compared"
    assert probe.startswith("Probe: the document, probe.jpg: 2 faces")
    assert the_other == "Probe: the document, its aligned face as it was compared"


@pytest.mark.parametrize("make", [matched, not_comparable])
def test_page_loads_nothing(make: object, calibration: Calibration, tmp_path: Path) -> None:
    found = page(make(), calibration, tmp_path)  # type: ignore[operator]
    for tag, attributes in found.seen:
        assert tag not in {"script", "link", "iframe", "object", "base"}
        assert "href" not in attributes
        assert not any(name.startswith("on") for name in attributes)
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/jpeg;base64,")
            assert attributes["alt"]
    raw = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "http:" not in raw
    assert "https:" not in raw
    assert "@import" not in raw
    assert "url(" not in raw


def test_hostile_texts_stay_text(calibration: Calibration, tmp_path: Path) -> None:
    found = page(
        matched(
            reason=HOSTILE,
            pack={"name": HOSTILE, "digest": HOSTILE},
            reference=capture(HOSTILE),
            findings=(Finding("x", HOSTILE, HOSTILE),),
            timings_ms={HOSTILE: 1.0},
        ),
        calibration,
        tmp_path,
    )
    assert "script" not in {tag for tag, _ in found.seen}
    assert "<script>alert('x')</script>\"&" in found.text
    assert "人脸.jpg" in found.text
    assert "\u202e" not in found.text  # would reorder what follows


@pytest.mark.parametrize("suffix", [".html", ".HTML"])
def test_not_comparable_is_reported(suffix: str, calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / f"r{suffix}"
    for curve in (calibration, None):
        report.save(not_comparable(), curve, path)
        assert path.stat().st_size > 1000


def test_page_without_calibration_has_no_plot(tmp_path: Path) -> None:
    assert "svg" not in {tag for tag, _ in page(matched(), None, tmp_path).seen}


def test_other_suffix_is_refused_with_a_remedy(tmp_path: Path) -> None:
    for name in ("r.pdf", "r", "r.png"):
        with pytest.raises(InvalidInput, match=r"name it \.html"):
            report.save(matched(), None, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "r.html"
    with pytest.raises(RenzhengError, match="nowhere") as caught:
        report.save(matched(), None, path)
    assert caught.value.source == str(path)
    assert caught.value.remedy


def test_failed_write_keeps_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RenzhengError, match="No space left"):
        report.save(matched(), None, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_in_the_way_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "r.html").mkdir()
    with pytest.raises(RenzhengError):
        report.save(matched(), None, tmp_path / "r.html")
    assert [p.name for p in tmp_path.iterdir()] == ["r.html"]


def test_pictures_are_scaled_for_embedding() -> None:
    large = drawing.marked(capture(height=1500, width=3000))
    assert large is not None
    assert large.shape == (450, 900, 3)
    with Pictures.open(io.BytesIO(thumbnails.jpeg(large))) as picture:
        assert picture.size == (900, 450)


def test_marks_lie_on_the_faces_and_the_picture_stays_clean() -> None:
    side = capture(faces=2, height=600, width=800)
    assert side.image is not None
    before = side.image.copy()
    shown = drawing.marked(side)
    assert shown is not None
    assert np.array_equal(side.image, before)
    assert (shown[19:22, 50] != 90).any()
    assert (shown[300:, :] == 90).all()


def test_absurd_boxes_are_drawn_without_overflow() -> None:
    side = capture()
    wild = Face(np.array([-1e9, -1e9, 1e9, 1e9], np.float32), side.faces[0].landmarks, 0.5)
    choice = Choice(Role.PHOTO, (FaceCandidate(wild, FaceKind.CHOSEN, 1.0),), "the only face")
    assert drawing.marked(Capture("a", Role.PHOTO, side.image, (wild,), choice)) is not None


def test_densities_peak_at_the_means_and_the_policy_cuts_between(
    calibration: Calibration,
) -> None:
    curves = distributions.derive(calibration, Policy().to_dict(), 0.5)
    assert curves is not None
    assert curves.distance[curves.genuine.argmax()] == pytest.approx(0.6, abs=0.02)
    assert curves.distance[curves.impostor.argmax()] == pytest.approx(1.3, abs=0.02)
    assert max(curves.genuine.max(), curves.impostor.max()) == pytest.approx(1)
    assert curves.match == pytest.approx(calibration.threshold_at(1e-4))
    assert curves.no_match == pytest.approx(calibration.threshold_at(1e-3))


def test_distance_beyond_the_calibration_still_fits(calibration: Calibration) -> None:
    curves = distributions.derive(calibration, {}, 1.9)
    assert curves is not None
    assert curves.end > 1.9


def test_policy_below_the_resolution_has_no_threshold(calibration: Calibration) -> None:
    curves = distributions.derive(calibration, {"max_fmr": 1e-6, "inconclusive": 100.0}, 0.5)
    assert curves is not None
    assert curves.match is None
    assert curves.no_match == pytest.approx(calibration.threshold_at(1e-4))


def test_weaker_faces_have_their_own_curve_and_nearer_thresholds(calibration: Calibration) -> None:
    levels = calibration_with_levels(calibration, "limited")
    policy = Policy().to_dict()
    strong, weak = (distributions.derive(levels, policy, 0.5, each) for each in (3000.0, 8.0))
    assert strong is not None
    assert weak is not None
    assert strong.match == pytest.approx(calibration.threshold_at(1e-4))
    assert weak.match is None  # the lowest rate of the level is 1e-3
    assert weak.no_match == pytest.approx(calibration.threshold_at(1e-5), abs=1e-6)
    peaks = [each.distance[each.impostor.argmax()] for each in (strong, weak)]
    assert peaks[1] < peaks[0] - 0.1
    assert distributions.derive(levels, policy, 0.5, 0.01) is None
