"""Findings: reasons not to trust a side of a comparison, each with its severity."""

from __future__ import annotations

from collections.abc import Iterator

from renzheng.faces import quality
from renzheng.models.packs import Pack
from renzheng.types import (
    Capture,
    Comparison,
    FaceKind,
    Finding,
    InformationGrade,
    LivenessScore,
    Role,
    SamePhoto,
    Severity,
)
from renzheng.verification import detectors
from renzheng.verification.calibration import Calibration
from renzheng.verification.policy import Policy
from renzheng.verification.templates import FaceTemplate

_LOW_SCORE = 0.9
# Shares of the crop that lie in the picture: below the first there is a warning, below the second
# no match, nor where an eye, the nose or a corner of the mouth lies outside the picture, since its
# place is then a guess. Where the default pack promises FMR 1e-4, 320 East Asian women, cut alike
# in reference and probe, gave 0.4e-4 to 1.2e-4 at 0.65 and more all round, 2e-4 at 0.53, 5e-4 at
# 0.44; cut at one edge 1e-4 at 0.7 and 8.6e-4 at 0.59; cut below, at the mouth, 8e-4 at 0.8
# (benchmarks/cut_close.py).
_CUT_CLOSE, _CUT_TOO_CLOSE = 0.7, 0.6
_COVERED = ("inside", "crop_inside", "single_face_present")  # by findings of their own
# Not a minimum, since the standard's measure is at 0 where comparisons still work: only a warning.
_DARK = {"under_exposure_prevention": 10}
_PROBLEMS = {  # finding code and words for a measure that is too low
    "inter_eye_distance": ("small_face", "the face is small"),
    "head_pose_yaw": ("turned_face", "the head is turned to the side"),
    "head_pose_pitch": ("lowered_face", "the head looks down or up"),
    "head_pose_roll": ("tilted_face", "the head is tilted"),
    "sharpness": ("blurred_face", "the face is blurred"),
    "under_exposure_prevention": ("dark_face", "the face is dark"),
    "over_exposure_prevention": ("bright_face", "the face is burnt out"),
    "dynamic_range": ("flat_face", "the face has next to no contrast"),
    "compression_artifacts": ("compressed_face", "the picture is compressed too much"),
    "effective_resolution": ("upscaled_face", "the face lacks detail, as if enlarged"),
    "noise": ("noisy_face", "the face is noisy"),
    "contrast": ("low_contrast_face", "the face is drawn in few levels of brightness"),
    "blockiness": ("mosaic_face", "the face consists of blocks"),
    "eyes_visible": ("covered_eyes", "the eyes seem to be covered"),
    "mouth_occlusion_prevention": ("covered_mouth", "the mouth seems to be covered"),
    "upright": ("upside_down_face", "the face seems to be upside down"),
    "natural_proportions": ("distorted_face", "the face seems to be squeezed or stretched"),
}


def of_capture(side: str, capture: Capture, policy: Policy) -> Iterator[Finding]:
    """Yield the findings against one side.

    Parameters
    ----------
    side
        ``reference`` or ``probe``.
    capture
        The capture of that side.
    policy
        The demands; a capture that misses one is refused.
    """
    if capture.error is not None:
        code = "no_face" if capture.image is not None else "unreadable"
        yield Finding(code, side, capture.error, Severity.REFUSAL)
    if capture.choice is None:
        return
    yield from _several(side, capture, policy)
    yield from _cut(side, capture)
    if capture.choice.face.score < _LOW_SCORE:
        # A document is searched in many ways, and each can show a face where there is none.
        strict = capture.role is Role.DOCUMENT
        yield Finding(
            "uncertain_face",
            side,
            f"the detector is only {capture.choice.face.score:.0%} sure that it is a face",
            Severity.DOUBT if strict else Severity.WARNING,
        )
    if not capture.rectification.certain and capture.rectification.steps:
        yield Finding(
            "uncertain_search",
            side,
            "the portrait was found with difficulty: check that it is one, or scan the document "
            "again, straight, sharp and in colour",
        )
    yield from _quality(side, capture, policy)


def of_comparison(comparison: Comparison) -> Iterator[Finding]:
    """Yield the finding against a comparison whose sides both show less of a face than they should.

    It names the weaker side, which has more to gain; a strong picture of either would do.
    """
    information = comparison.information
    reference, probe = information.reference, information.probe
    if reference is None or probe is None or information.wanted is None:
        return
    side = "probe" if probe <= reference else "reference"
    figures = (
        f"strength {reference:.3g} and {probe:.3g}, {information.wanted:.3g} wanted on one side at "
        "least"
    )
    if information.grade is InformationGrade.INSUFFICIENT:
        yield Finding(
            "little_information",
            side,
            f"both pictures show too little of a face to compare ({figures}): give one in which "
            "the face is sharp, large, upright and uncovered",
            Severity.DOUBT,
        )
    elif information.grade is InformationGrade.LIMITED:
        yield Finding(
            "limited_information",
            side,
            f"both pictures show little of a face ({figures}), so that only a nearer pair is a "
            "match: a sharper, uncovered picture of one would decide better",
        )


def of_detector(calibration: Calibration, detector: Pack) -> Iterator[Finding]:
    """Yield the finding against rates that were measured with another detector's landmarks."""
    known = calibration.provenance.get("detector")
    if not detectors.are_alike(known, detectors.described(detector)):
        yield Finding(
            "other_detector",
            "reference",
            f"the false match rates were measured with faces found by {detectors.name_of(known)}, "
            f"and these were found by {detector.name}: calibrate with --detector, or see "
            "docs/detectors.md for how far they hold",
        )


def of_unknown_strength(side: str, template: FaceTemplate) -> Iterator[Finding]:
    """Yield the finding against a template made before strengths were measured."""
    if template.embedding is not None and template.strength is None:
        yield Finding(
            "unknown_strength",
            side,
            "the template does not say how much of a face it holds, so the false match rate is "
            "that of good pictures: make it again",
        )


def of_same_photo(same: SamePhoto | None, policy: Policy) -> Iterator[Finding]:
    """Yield the finding against a live picture that may be the document's own portrait."""
    if same is not None and same.same:
        mirrored = ", mirrored" if same.mirrored else ""
        yield Finding(
            "same_picture",
            "probe",
            f"it is the very photograph of the document{mirrored}: take a picture of the person",
            Severity.WARNING if policy.allow_same_picture else Severity.DOUBT,
        )


def of_likeness(
    comparison: Comparison, nearest_genuine: float | None, policy: Policy
) -> Iterator[Finding]:
    """Yield the finding against a live picture that is nearer than two photographs ever are.

    Parameters
    ----------
    comparison
        The comparison of a reference with a live picture.
    nearest_genuine
        As in `Calibration`; None where it was not measured.
    policy
        Whether the live picture may be the document's own portrait.
    """
    if nearest_genuine is not None and comparison.distance < nearest_genuine:
        yield Finding(
            "too_alike",
            "probe",
            f"it is nearer to the reference ({comparison.distance:.3f}) than different photographs "
            f"of one person are ({nearest_genuine:.3f} in one of 10,000): it may be the "
            "reference's own photograph, altered; take a picture of the person",
            Severity.WARNING if policy.allow_same_picture else Severity.DOUBT,
        )


def of_liveness(score: LivenessScore | None, policy: Policy) -> Iterator[Finding]:
    """Yield the finding against a live picture that may be a print or a screen."""
    if score is None:
        return
    minimum = score.threshold if policy.min_liveness is None else policy.min_liveness
    if score.score < minimum:
        yield Finding(
            "presentation_attack",
            "probe",
            f"it may show a print, a screen or a mask (liveness {score.score:.2f}, {minimum:.2f} "
            "wanted): take the picture again, with a person watching",
            Severity.DOUBT,
        )


def _several(side: str, capture: Capture, policy: Policy) -> Iterator[Finding]:
    assert capture.choice is not None
    doubtful = Severity.WARNING if policy.allow_several_faces else Severity.DOUBT
    if capture.choice.of(FaceKind.INTRUDER):
        yield Finding(
            "crowded_portrait",
            side,
            "there is a second person in the portrait's photograph: check which one was compared",
            doubtful,
        )
    others = len(capture.choice.of(FaceKind.STRANGER))
    if others:
        yield Finding(
            "other_faces",
            side,
            f"{others} smaller face(s) of somebody else: check that the document's portrait was "
            "compared, and not somebody who holds the document",
            doubtful,
        )
    rivals = len(capture.choice.of(FaceKind.RIVAL))
    if not rivals:
        return
    if capture.role is Role.DOCUMENT:
        message = (
            f"{rivals} face(s) of somebody else beside the document's portrait: show the document "
            "alone, or cut its portrait out"
        )
    elif capture.role is Role.LIVE:
        message = f"{rivals} more face(s) of similar size: only one person before the camera"
    else:
        message = (
            f"{rivals} more face(s) of similar size: make sure that the right one was compared"
        )
    strict = capture.role is not Role.PHOTO and not policy.allow_several_faces
    yield Finding("several_faces", side, message, Severity.REFUSAL if strict else Severity.WARNING)


def _cut(side: str, capture: Capture) -> Iterator[Finding]:
    if capture.quality["inside"].value < 0.95:
        yield Finding("cut_face", side, "the face reaches beyond the picture: show all of it")
    shown = capture.quality["crop_inside"].value
    guessed = _has_landmarks_outside(capture)
    if shown < _CUT_CLOSE or guessed:
        message = (
            f"only {shown:.0%} of the crop that the network looks at is in the picture: "
            "give one with more around the face"
        )
        if guessed:
            message = "eyes, nose and mouth are not all in the picture: show the whole face"
        doubtful = shown < _CUT_TOO_CLOSE or guessed
        if doubtful:
            message += "; the false match rate does not hold for such a picture"
        yield Finding("cut_close", side, message, Severity.DOUBT if doubtful else Severity.WARNING)


def _has_landmarks_outside(capture: Capture) -> bool:
    face, image = capture.face, capture.image
    if face is None or image is None:
        return False
    last = (image.shape[1] - 0.5, image.shape[0] - 0.5)
    return bool(((face.landmarks < -0.5) | (face.landmarks > last)).any())


def _quality(side: str, capture: Capture, policy: Policy) -> Iterator[Finding]:
    role: quality.Role = "live" if capture.role is Role.LIVE else "document"
    demanded, usual = policy.demands(capture.role), {**_DARK, **quality.MINIMA[role]}
    for name, measurement in capture.quality.items():
        measure, component = quality.MEASURES[name], measurement.component
        refused = component < demanded.get(name, 0)
        if not refused and (component >= usual.get(name, 0) or name in _COVERED):
            continue
        code, words = _PROBLEMS.get(name, (f"low_{name}", measure.title.lower()))
        wanted = f"{component} of 100, {demanded[name] if refused else usual[name]} wanted"
        yield Finding(
            code,
            side,
            f"{words} ({wanted}): {measure.remedy(role)}",
            Severity.REFUSAL if refused else Severity.WARNING,
        )
