"""Documents and live pictures are not treated alike."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from made_up import liveness_pack
from renzheng import (
    Decision,
    FaceKind,
    InvalidInput,
    Liveness,
    Policy,
    Role,
    Severity,
    Verifier,
)
from renzheng.datasets import specimens
from renzheng.datasets.specimens import Specimen
from renzheng.errors import NoFace
from renzheng.faces.documents import portrait as portraits
from renzheng.faces.quality import MEASURES
from renzheng.faces.selection import choose_face
from renzheng.types import Capture, Image
from renzheng.verification.findings import of_capture

TRUSTING = Policy(allow_same_picture=True)  # there is one public-domain portrait only


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(policy=TRUSTING)


@pytest.fixture(scope="module")
def portrait() -> Image:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    return np.asarray(data.astronaut())


@pytest.fixture(scope="module")
def card(verifier: Verifier, portrait: Image) -> Specimen:
    """A card with a ghost portrait."""
    face = choose_face(verifier.detect(portrait), (512, 512))
    return specimens.make(portrait, face, layout="id1-left", seed=1)


def chosen_in(capture: Capture, specimen: Specimen) -> bool:
    """Whether the chosen face lies in the specimen's main portrait."""
    assert capture.face is not None
    middle = capture.face.landmarks.mean(axis=0, dtype=np.float64).reshape(1, 1, 2)
    x, y = cv2.perspectiveTransform(middle, np.linalg.inv(capture.rectification.matrix))[0, 0]
    return cv2.pointPolygonTest(specimen.portrait.reshape(4, 1, 2), (float(x), float(y)), False) > 0


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("name", ["scan-200", "photo"])
def test_the_main_portrait_is_chosen_however_the_card_lies(
    verifier: Verifier, card: Specimen, name: str, turns: int
) -> None:
    shown = specimens.turned(specimens.get(name).apply(card, seed=turns), turns)
    capture = verifier.acquire(shown.image, Role.DOCUMENT)
    assert capture.error is None
    assert chosen_in(capture, shown)
    assert (capture.rectification.turns + turns) % 4 == 0


def test_the_ghost_is_recognised_and_reported(verifier: Verifier, card: Specimen) -> None:
    capture = verifier.acquire(card.image, "document")
    assert capture.choice is not None
    assert [each.kind for each in capture.choice.candidates] == [FaceKind.CHOSEN, FaceKind.GHOST]
    ghost = capture.to_dict()["faces"][1]
    assert ghost["part"] == "ghost"
    assert ghost["contrast"] < capture.to_dict()["faces"][0]["contrast"]


def test_a_cards_outline_and_perspective_are_told(verifier: Verifier, card: Specimen) -> None:
    photographed = replace(specimens.get("photo"), tilt=20.0)  # type: ignore[type-var]
    for seed in range(20):
        shown = photographed.apply(card, seed)
        capture = verifier.acquire(shown.image, Role.DOCUMENT)
        outline = capture.rectification.outline
        if outline is not None:
            break
    assert outline is not None
    assert np.abs(outline - shown.card).max() < 0.02 * shown.image.shape[1]
    assert "outline found" in capture.rectification.steps[0]
    assert capture.to_dict()["preparation"]["outline"] is not None


@pytest.mark.parametrize("turns", range(4))
def test_a_turned_scan_matches_as_the_straight_one_does(
    verifier: Verifier, card: Specimen, portrait: Image, turns: int
) -> None:
    straight = verifier.verify(card.image, portrait)
    turned = verifier.verify(specimens.turned(card, turns).image, portrait)
    assert straight.decision is turned.decision is Decision.MATCH
    assert straight.comparison is not None
    assert turned.comparison is not None
    assert turned.comparison.distance == pytest.approx(straight.comparison.distance, abs=0.02)


def test_a_live_picture_with_two_people_is_refused_unless_allowed(
    verifier: Verifier, card: Specimen, portrait: Image
) -> None:
    two = np.concatenate([portrait, portrait[:, ::-1]], axis=1)
    result = verifier.verify(card.image, two)
    assert result.decision is Decision.NOT_COMPARABLE
    assert result.comparison is None
    (finding,) = [f for f in result.findings if f.code == "several_faces"]
    assert (finding.side, finding.severity) == ("probe", Severity.REFUSAL)
    assert "only one person" in result.reason
    allowed = verifier.with_policy(replace(TRUSTING, allow_several_faces=True))
    result = allowed.verify(card.image, two)
    assert result.decision is Decision.MATCH
    assert [f.severity for f in result.findings if f.code == "several_faces"] == [Severity.WARNING]
    assert result.policy["allow_several_faces"] is True


def test_a_document_with_two_peoples_portraits_is_refused(verifier: Verifier, assets: Path) -> None:
    faces = []
    for name in ("paul_rudd", "angelina_jolie"):
        image = cv2.cvtColor(cv2.imread(str(assets / "photos" / f"{name}.jpg")), cv2.COLOR_BGR2RGB)
        image = np.asarray(image, np.uint8)
        capture = verifier.acquire(image)
        faces.append(portraits.cut(capture, 300))
    both = np.concatenate(faces, axis=1)
    result = verifier.verify(both, faces[0])
    assert result.decision is Decision.NOT_COMPARABLE
    assert "somebody else" in result.reason
    assert result.reference.choice is not None
    assert len(result.reference.choice.of(FaceKind.RIVAL)) == 1


def test_the_documents_own_portrait_is_a_doubt(
    verifier: Verifier, card: Specimen, portrait: Image
) -> None:
    strict = verifier.with_policy(Policy())
    scan = specimens.get("scan-300").apply(card, 3).image
    for live, mirrored in (
        (portrait, False),
        (portrait[30:420, 60:420], False),
        (portrait[:, ::-1], True),
    ):
        result = strict.verify(scan, np.ascontiguousarray(live))
        assert result.decision is Decision.INCONCLUSIVE
        assert "very photograph" in result.reason
        assert result.same_photo is not None
        assert result.same_photo.mirrored is mirrored
    assert verifier.verify(scan, portrait).decision is Decision.MATCH


def test_the_same_picture_is_no_matter_between_photographs(portrait: Image) -> None:
    result = Verifier(roles=("photo", "photo")).verify(portrait, portrait)
    assert result.decision is Decision.MATCH
    assert result.same_photo is None


def test_a_demand_on_quality_refuses_and_names_measure_and_remedy(
    verifier: Verifier, card: Specimen, portrait: Image
) -> None:
    blurred = np.asarray(cv2.GaussianBlur(portrait, (0, 0), 4), np.uint8)
    warned = verifier.verify(card.image, blurred)
    assert [f.severity for f in warned.findings if f.code == "blurred_face"] == [Severity.WARNING]
    assert warned.comparison is not None
    strict = verifier.with_policy(replace(TRUSTING, min_live_quality={"sharpness": 30}))
    refused = strict.verify(card.image, blurred)
    assert refused.decision is Decision.NOT_COMPARABLE
    assert "probe: the face is blurred" in refused.reason
    assert "30 wanted" in refused.reason
    assert strict.verify(card.image, portrait).decision is Decision.MATCH
    # A document is held to demands of its own.
    assert strict.verify(blurred, portrait).decision is not Decision.NOT_COMPARABLE


@pytest.mark.parametrize(
    ("code", "measure", "degrade"),
    [
        ("blurred_face", "sharpness", lambda p: p.filter(ImageFilter.GaussianBlur(2.5))),
        ("dark_face", "under_exposure_prevention", lambda p: p.point(lambda v: v // 6)),
        (
            "bright_face",
            "over_exposure_prevention",
            lambda p: p.point(lambda v: min(3 * v // 2, 255)),
        ),
        ("tilted_face", "head_pose_roll", lambda p: p.rotate(42)),
    ],
)
def test_poor_quality_is_reported_with_the_remedy_of_its_role(
    verifier: Verifier, portrait: Image, code: str, measure: str, degrade: Any
) -> None:
    poor = np.asarray(degrade(Pillow.fromarray(portrait)))
    result = verifier.verify(portrait, poor)
    (found,) = (finding for finding in result.findings if finding.code == code)
    assert found.side == "probe"
    assert found.message.endswith(MEASURES[measure].live_remedy)
    assert found.severity is Severity.WARNING
    document = replace(verifier.acquire(poor), role=Role.DOCUMENT)
    assert document.to_dict()["quality"][measure] == document.quality[measure].to_dict()
    demanding = replace(TRUSTING, min_document_quality={measure: 100})
    by_code = {f.code: f for f in of_capture("reference", document, demanding)}
    assert by_code[code].message.endswith(MEASURES[measure].document_remedy)
    assert by_code[code].severity is Severity.REFUSAL


def test_liveness_is_asked_of_the_live_side_alone(
    card: Specimen, portrait: Image, tmp_path: Path
) -> None:
    liveness = Liveness.from_pack(liveness_pack(tmp_path / "pack"))
    verifier = Verifier(policy=replace(TRUSTING, min_liveness=0.0), liveness=liveness)
    result = verifier.verify(card.image, portrait)
    assert result.liveness is not None
    assert result.pack["liveness_digest"] == liveness.pack.digest  # type: ignore[union-attr]
    assert result.decision is Decision.MATCH
    strict = verifier.with_policy(replace(TRUSTING, min_liveness=1.0))
    result = strict.verify(card.image, portrait)
    assert result.decision is Decision.INCONCLUSIVE
    assert "liveness" in result.reason
    assert [f.code for f in result.findings if f.severity is Severity.DOUBT] == [
        "presentation_attack"
    ]
    for roles in (("document", "photo"), ("photo", "document")):
        with pytest.raises(InvalidInput, match="live"):
            Verifier(roles=roles, liveness=liveness)
    assert result.to_dict()["liveness"]["score"] == pytest.approx(result.liveness.score, abs=1e-6)  # type: ignore[union-attr]


def test_a_demand_that_nothing_answers_is_refused(verifier: Verifier, portrait: Image) -> None:
    """Never silently dropped: it would be taken for met."""
    with pytest.raises(InvalidInput, match="no liveness pack"):
        verifier.with_policy(replace(TRUSTING, min_liveness=0.9)).verify(portrait, portrait)
    photos = Verifier(policy=Policy(min_live_quality={"sharpness": 5}), roles=("photo", "photo"))
    with pytest.raises(InvalidInput, match="neither side"):
        photos.verify(portrait, portrait)
    with pytest.raises(InvalidInput, match="Policy"):
        verifier.with_policy("strict")  # type: ignore[arg-type]


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(InvalidInput, match="twin"):
        Verifier(roles=("document", "twin"))
    with pytest.raises(InvalidInput, match="reference"):
        Verifier(roles=("live", "document"))


def test_one_source_for_both_sides_is_read_once(portrait: Image, verifier: Verifier) -> None:
    buffer = io.BytesIO()
    Pillow.fromarray(portrait).save(buffer, "PNG")
    for make in (lambda: Pillow.open(io.BytesIO(buffer.getvalue())), lambda: buffer):
        buffer.seek(0)
        source = make()
        result = verifier.verify(source, source)
        assert result.decision is Decision.MATCH
        assert result.comparison is not None
        assert result.comparison.distance < 1e-5
    lost = io.BytesIO(b"no picture")
    assert verifier.verify(lost, lost).decision is Decision.NOT_COMPARABLE


def test_a_second_card_beside_the_first_is_refused(
    verifier: Verifier, card: Specimen, portrait: Image, assets: Path
) -> None:
    """The perspective is taken out of one of the two; the other one must not be lost with it."""
    face = verifier.acquire(assets / "photos" / "paul_rudd.jpg")
    assert face.image is not None
    assert face.face is not None
    other = specimens.make(face.image, face.face, layout="id1-left", seed=2)
    size = (2400, 1100)
    ends = np.array([(0, 0), (1012, 0), (1012, 638), (0, 638)], np.float32)
    desk = np.full((size[1], size[0], 3), (40, 44, 52), np.uint8)
    for shown, left in ((card, 110), (other, 1290)):
        corners = np.add([(0, 40), (1000, 0), (1000, 660), (0, 600)], (left, 220))
        there = cv2.getPerspectiveTransform(ends, corners.astype(np.float32))
        laid = cv2.warpPerspective(shown.image, there, size)
        on = cv2.warpPerspective(np.full(shown.image.shape[:2], 255, np.uint8), there, size)
        desk = np.where(on[:, :, None] > 127, laid, desk)
    result = verifier.verify(np.asarray(desk, np.uint8), portrait)
    assert result.decision is Decision.NOT_COMPARABLE
    assert "somebody else" in result.reason


def test_somebody_who_holds_the_document_is_not_compared_silently(
    verifier: Verifier, portrait: Image, assets: Path
) -> None:
    holder = verifier.acquire(assets / "photos" / "paul_rudd.jpg")
    assert holder.image is not None
    picture = cv2.resize(
        holder.image, (1000, 1000 * holder.image.shape[0] // holder.image.shape[1])
    )
    small = verifier.acquire(portrait)
    card = cv2.resize(portraits.cut(small, 300), (175, 225))
    picture[-260:-35, 40:215] = card
    result = verifier.verify(np.asarray(picture, np.uint8), holder.image)
    assert result.decision is not Decision.MATCH
    assert {"other_faces", "several_faces"} & {f.code for f in result.findings}


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_document_held_sideways_is_not_overlooked(
    verifier: Verifier, portrait: Image, assets: Path, turns: int
) -> None:
    holder = verifier.acquire(assets / "photos" / "paul_rudd.jpg")
    assert holder.image is not None
    height, width = holder.image.shape[:2]
    picture = cv2.resize(holder.image, (900, 900 * height // width))
    cut = portraits.cut(verifier.acquire(portrait), 450)
    held = np.full((700, 900, 3), (90, 84, 80), np.uint8)
    turned = np.rot90(cut, -turns)
    held[100 : 100 + turned.shape[0], 250 : 250 + turned.shape[1]] = turned
    both = np.concatenate([picture, held])
    result = verifier.verify(np.asarray(both, np.uint8), holder.image)
    assert result.decision is not Decision.MATCH
    assert {"other_faces", "several_faces"} & {f.code for f in result.findings}


def test_quality_is_that_of_the_pixels_handed_in(verifier: Verifier, card: Specimen) -> None:
    """Flattening makes up pixels: the blocks of strong JPEG must not vanish in them."""
    photographed = replace(specimens.get("photo"), tilt=20.0, device=())  # type: ignore[type-var]
    for seed in range(20):
        shown = photographed.apply(card, seed).image
        done, coded = cv2.imencode(".jpg", shown[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 12])
        assert done
        capture = verifier.acquire(coded.tobytes(), Role.DOCUMENT)
        if capture.rectification.outline is not None:
            break
    assert capture.rectification.outline is not None
    assert capture.quality["compression_artifacts"].component < 50
    assert capture.rectification.size == (shown.shape[1], shown.shape[0])


@pytest.mark.parametrize("angle", [-50, -40, 30, 45])
def test_a_card_that_lies_askew_is_found(
    verifier: Verifier, card: Specimen, portrait: Image, angle: float
) -> None:
    turn = cv2.getRotationMatrix2D((506, 319), angle, 1)
    turn[:, 2] += (194, 381)
    laid = cv2.warpAffine(card.image, turn, (1400, 1400), borderValue=(60, 62, 66))
    result = verifier.verify(np.asarray(laid, np.uint8), portrait)
    assert result.decision is Decision.MATCH, (result.reason, result.reference.rectification.steps)


def test_a_live_picture_on_its_side_is_not_compared_and_the_remedy_says_so(
    verifier: Verifier, card: Specimen, portrait: Image
) -> None:
    result = verifier.verify(card.image, np.ascontiguousarray(np.rot90(portrait)))
    assert result.decision is Decision.NOT_COMPARABLE
    assert "turn the picture by 90 degrees clockwise" in result.reason


def test_a_portrait_is_cut_as_passports_have_it(verifier: Verifier, card: Specimen) -> None:
    capture = verifier.acquire(card.image, Role.DOCUMENT)
    cut = portraits.cut(capture, 450)
    assert cut.shape == (450, 350, 3)
    found = verifier.detect(cut)
    assert found[0].inter_eye_distance == pytest.approx(350 / 4, rel=0.1)
    with pytest.raises(InvalidInput):
        portraits.cut(capture, 3)
    with pytest.raises(NoFace):
        portraits.cut(verifier.acquire(np.zeros((90, 90, 3), np.uint8)), 450)


@pytest.mark.parametrize("size", [(102, 126), (358, 441)])
def test_tight_and_chip_sized_portraits_are_acquired(
    verifier: Verifier, portrait: Image, size: tuple[int, int]
) -> None:
    x1, y1, x2, y2 = verifier.detect(portrait)[0].box.astype(int)
    tight = cv2.resize(portrait[y1:y2, x1:x2], size, interpolation=cv2.INTER_AREA)
    _, coded = cv2.imencode(".jpg", tight[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 50])
    capture = verifier.acquire(coded.tobytes(), Role.DOCUMENT)
    assert capture.face is not None
    assert capture.image is not None
    assert capture.image.shape[:2] == size[::-1]
