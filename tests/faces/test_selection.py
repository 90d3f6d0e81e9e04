"""The choice of a face: each role's rule by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import Face, FaceKind, NoFace, Role
from renzheng.faces.selection import SamePersonLimits, choose_face, choose_person, choose_portrait

LIMITS = SamePersonLimits(copy=0.35, ghost=0.5, possible=0.7)


def face(x: float, y: float, size: float, score: float = 0.999) -> Face:
    box = np.array([x - size / 2, y - size / 2, x + size / 2, y + size / 2], np.float32)
    shape = [(-0.2, -0.1), (0.2, -0.1), (0, 0.1), (-0.15, 0.3), (0.15, 0.3)]
    points = np.array(shape) * size + (x, y)
    return Face(box, points.astype(np.float32), score)


def apart(*distances: float) -> np.ndarray:
    """Distances of the later faces from the first; among each other they do not matter."""
    n = len(distances) + 1
    table = np.full((n, n), 1.4)
    np.fill_diagonal(table, 0)
    table[0, 1:] = table[1:, 0] = distances
    return table


def kinds(choice: object) -> list[str]:
    return [str(each.kind) for each in choice.candidates]  # type: ignore[attr-defined]


MAIN = face(200, 300, 160)


def test_the_ghost_is_told_from_the_main_portrait() -> None:
    choice = choose_portrait([MAIN, face(800, 300, 80)], [50, 20], apart(0.45), LIMITS)
    assert choice.face is MAIN
    assert choice.role is Role.DOCUMENT
    assert kinds(choice) == ["chosen", "ghost"]
    assert choice.candidates[1].distance == pytest.approx(0.45)
    assert choice.candidates[1].area == pytest.approx(0.25)
    assert "1 weaker portrait(s) of the same person" in choice.reason


def test_the_stronger_of_two_large_portraits_is_the_main_one() -> None:
    ghost = face(800, 300, 170)
    for faces, contrasts in (([MAIN, ghost], [50, 25]), ([ghost, MAIN], [25, 50])):
        choice = choose_portrait(faces, contrasts, apart(0.3), LIMITS)
        assert choice.face is MAIN
        assert kinds(choice) == ["chosen", "copy"]


def test_only_a_small_weak_face_may_lie_as_far_as_a_ghost_does() -> None:
    for size, contrast, kind in ((80, 30, "ghost"), (150, 30, "rival"), (90, 48, "rival")):
        faces = [MAIN, face(800, 300, size)]
        assert kinds(choose_portrait(faces, [50, contrast], apart(0.45), LIMITS))[1] == kind


def test_somebody_elses_portrait_is_a_rival() -> None:
    choice = choose_portrait([MAIN, face(800, 300, 120)], [50, 45], apart(0.9), LIMITS)
    assert kinds(choice) == ["chosen", "rival"]
    assert "somebody else" in choice.reason


@pytest.mark.parametrize("turn", [0, 30, -70])
@pytest.mark.parametrize(
    ("aside", "down", "kind"),
    [
        (1.5, 0.0, "intruder"),  # in distances between the main portrait's eyes
        (-1.9, 2.5, "intruder"),
        (2.2, 0.0, "rival"),
        (0.0, -2.5, "rival"),
        (0.0, 3.0, "rival"),
    ],
)
def test_a_second_person_in_the_photograph_is_no_second_portrait(
    aside: float, down: float, kind: str, turn: float
) -> None:
    angle = np.radians(turn)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def turned(one: Face) -> Face:
        return Face(one.box, (one.landmarks @ rotation.T).astype(np.float32), one.score)

    apart_px = 0.4 * 160
    # The other is as large, so its eyes are as far from its middle as the main one's.
    other = face(200 + aside * apart_px, 300 + down * apart_px, 159)
    choice = choose_portrait([turned(MAIN), turned(other)], [50, 45], apart(0.9), LIMITS)
    assert kinds(choice) == ["chosen", kind]


@pytest.mark.parametrize(
    ("size", "contrast", "score", "kind"),
    [
        (60, 45, 0.999, "stranger"),
        (40, 20, 0.999, "stranger"),  # too small for a ghost
        (110, 20, 0.999, "bystander"),
        (120, 45, 0.8, "bystander"),
        (130, 25, 0.999, "rival"),  # so large a portrait is none's ghost
        (150, 19, 0.999, "bystander"),  # but so faint a one may be
        (170, 19, 0.999, "rival"),
    ],
)
def test_small_faint_or_uncertain_faces_are_no_rivals(
    size: float, contrast: float, score: float, kind: str
) -> None:
    faces = [MAIN, face(800, 300, size, score)]
    assert kinds(choose_portrait(faces, [50, contrast], apart(0.65), LIMITS)) == ["chosen", kind]
    # Where the embedding speaks against one person, faintness excuses nobody.
    if kind == "bystander" and score > 0.9:
        kind = "rival" if size >= 80 else "stranger"
        assert kinds(choose_portrait(faces, [50, contrast], apart(0.75), LIMITS))[1] == kind


def test_a_larger_fainter_portrait_is_not_lost_to_a_smaller_stronger_one() -> None:
    large = face(800, 300, 250)
    choice = choose_portrait([MAIN, large], [50, 30], apart(0.9), LIMITS)
    assert choice.face is large
    assert kinds(choice) == ["chosen", "rival"]


def test_faces_beside_the_document_are_rivals_or_strangers() -> None:
    holder, passer = face(900, -200, 500), face(-300, 100, 60)
    unsure = face(-300, 500, 500, 0.8)
    choice = choose_portrait(
        [MAIN], [50], np.zeros((1, 1)), LIMITS, others=[holder, passer, unsure]
    )
    assert choice.face is MAIN
    assert kinds(choice) == ["chosen", "rival", "stranger", "bystander"]
    # Where they were compared, a ghost beside a wrong outline is a ghost, and none is the portrait.
    choice = choose_portrait(
        [MAIN, holder, passer], [50, 60, 20], apart(1.1, 0.45), LIMITS,
        on_document=[True, False, False],
    )  # fmt: skip
    assert choice.face is MAIN
    assert kinds(choice) == ["chosen", "rival", "ghost"]


def test_a_sheet_of_passport_photographs_holds_copies() -> None:
    faces = [MAIN, face(500, 300, 158), face(800, 300, 159)]
    choice = choose_portrait(faces, [50, 50, 49], apart(0.1, 0.12), LIMITS)
    assert kinds(choice) == ["chosen", "copy", "copy"]


def test_without_a_calibration_nobody_is_called_the_same_person() -> None:
    faces = [MAIN, face(800, 300, 120)]
    assert kinds(choose_portrait(faces, [50, 45], apart(0.1), None)) == ["chosen", "rival"]
    faces = [MAIN, face(800, 300, 80)]
    assert kinds(choose_portrait(faces, [50, 20], apart(0.1), None)) == ["chosen", "bystander"]


def test_an_uncertain_large_face_gives_way() -> None:
    pattern = face(600, 300, 300, 0.75)
    assert choose_portrait([pattern, MAIN], [50, 50], apart(1.2), LIMITS).face is MAIN


@given(st.permutations(range(4)))
def test_the_order_of_the_faces_does_not_matter(order: list[int]) -> None:
    faces = [MAIN, face(800, 300, 80), face(500, 100, 110), face(900, 500, 30)]
    contrasts, distances = np.array([50, 20, 44, 40]), apart(0.3, 0.9, 1.1)
    choice = choose_portrait(
        [faces[k] for k in order], contrasts[order], distances[np.ix_(order, order)], LIMITS
    )
    found = {id(each.face): str(each.kind) for each in choice.candidates}
    assert [found[id(each)] for each in faces] == ["chosen", "ghost", "rival", "stranger"]


def test_the_middle_outweighs_a_bystander() -> None:
    centre, corner = face(100, 100, 60), face(20, 20, 66)
    assert choose_face([corner, centre], (200, 200)) is centre
    assert choose_face([face(100, 100, 60), face(90, 100, 90)], (200, 200)).width == 90


@pytest.mark.parametrize("role", [Role.LIVE, Role.PHOTO])
def test_a_second_person_of_similar_size_is_a_rival(role: Role) -> None:
    person = face(300, 300, 200)
    choice = choose_person([person, face(550, 300, 101)], (640, 480), role)
    assert choice.face is person
    assert choice.of(FaceKind.RIVAL)
    assert choice.role is role
    choice = choose_person([person, face(550, 300, 99), face(550, 300, 150, 0.8)], (640, 480), role)
    assert kinds(choice) == ["chosen", "bystander", "bystander"]


def test_no_faces_no_choice() -> None:
    with pytest.raises(NoFace):
        choose_face([], (10, 10))
    with pytest.raises(NoFace):
        choose_person([], (10, 10), Role.LIVE)
    with pytest.raises(NoFace):
        choose_portrait([], [], np.zeros((0, 0)), LIMITS)
