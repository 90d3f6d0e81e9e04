"""Verification of pairs of pictures with near hashes."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from painted_pictures import paint, save
from renzheng.images import similarity
from renzheng.images.duplicates import find, plan, verification
from renzheng.images.duplicates.results import Group, Item, Member, Relation, relation
from renzheng.images.duplicates.verification import link_between


def features(picture: np.ndarray) -> similarity.LocalFeatures:
    return similarity.local_features(np.ascontiguousarray(picture))


def test_shares_say_what_of_each_is_in_the_other() -> None:
    picture = paint(5)
    crop = picture[40:240, 60:360]
    link = link_between(picture, crop)
    assert link is not None
    assert link.shown == pytest.approx(300 * 200 / (360 * 280), abs=0.02)
    assert link.filled > 0.98
    back = link_between(crop, picture)
    assert back is not None
    assert (back.shown, back.filled) == pytest.approx((link.filled, link.shown), abs=0.01)
    assert relation(link) is Relation.NEAR


def test_a_frame_is_not_from_the_picture() -> None:
    picture = paint(6)
    framed = cv2.copyMakeBorder(picture, 28, 28, 36, 36, cv2.BORDER_CONSTANT, value=(9, 60, 120))
    link = link_between(picture, framed)
    assert link is not None
    assert link.shown > 0.98
    assert link.filled == pytest.approx(360 * 280 / (432 * 336), abs=0.02)


def test_a_mirror_image_is_a_near_duplicate_and_a_smaller_one_the_same() -> None:
    picture = paint(7)
    link = link_between(picture, np.ascontiguousarray(picture[:, ::-1]))
    assert link is not None
    assert link.mirrored
    assert relation(link) is Relation.NEAR
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    link = link_between(picture, half)
    assert link is not None
    assert not link.mirrored
    assert relation(link) is Relation.SAME


def test_unrelated_pictures_whose_hashes_agree_are_no_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(5):
        save(paint(seed), tmp_path / f"{seed}.png")
    monkeypatch.setattr(similarity, "CANDIDATE_BITS", 256)  # everyone is a candidate
    monkeypatch.setattr(similarity, "SAME_BITS", 256)  # and the same by hash alone
    assert find([tmp_path]).groups == ()


def test_where_there_is_little_to_see_the_hash_decides(tmp_path: Path) -> None:
    picture = np.full((240, 300, 3), 90, np.uint8)
    cv2.circle(picture, (110, 90), 60, (200, 180, 20), -1)
    cv2.rectangle(picture, (190, 120), (299, 239), (20, 40, 180), -1)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), np.uint8)
    assert len(features(picture).points) < verification.FEW_FEATURES
    assert link_between(picture, picture) is None
    save(picture, tmp_path / "a.png")
    save(picture, tmp_path / "b.jpg", quality=90)
    save(np.ascontiguousarray(picture[:, 40:-40]), tmp_path / "c.png")  # not by hash alone
    (group,) = find([tmp_path]).groups
    (member,) = group.members
    assert member.item.path.name == "b.jpg"
    assert member.relation is Relation.SAME
    assert member.link is not None
    assert member.link.inliers == 0
    assert "bits apart" in member.reason
    assert "features" not in member.reason


def test_excluding_unrelated_pictures_at_once_loses_no_version() -> None:
    painted = [paint(seed) for seed in range(6)]
    versions = [
        painted[0][:, ::-1],
        painted[0][30:, :-60],
        cv2.resize(painted[1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    ]
    nothing = np.full((90, 90, 3), 7, np.uint8)
    everyone = [np.ascontiguousarray(picture) for picture in (*painted, *versions, nothing)]
    seen = [verification._Seen.of(features(picture)) for picture in everyone]
    for n, one in enumerate(seen):
        hopeful = verification._hopeful(one, seen)
        linked = {k for k, other in enumerate(everyone) if link_between(everyone[n], other)}
        assert linked <= set(hopeful)
    assert verification._hopeful(seen[0], seen) == [0, 6, 7]  # unrelated pictures are excluded
    assert verification._hopeful(seen[0], [seen[-1]]) == []


def test_what_is_written_over_is_changed_and_another_picture_on_one_ground_unrelated() -> None:
    picture = paint(8, 480, 360)
    written = picture.copy()
    cv2.putText(written, "SPECIMEN 2026", (60, 180), 0, 1.2, (255, 255, 255), 3, cv2.LINE_AA)
    link = link_between(picture, written)
    assert link is not None
    assert 0.7 < link.agreement < 0.97
    assert relation(link) is Relation.CHANGED
    other = picture.copy()
    other[80:300, 40:220] = paint(9, 480, 360)[80:300, 40:220]  # as the portrait on a card
    assert similarity.match_regions(features(picture), features(other)).near_duplicate
    assert link_between(picture, other) is None


def test_a_changed_picture_is_in_no_plan(tmp_path: Path) -> None:
    picture = paint(8, 480, 360)
    save(picture, tmp_path / "a.png")
    cv2.putText(picture, "SPECIMEN 2026", (60, 180), 0, 1.2, (255, 255, 255), 3, cv2.LINE_AA)
    save(picture, tmp_path / "b.png")
    found = find([tmp_path])
    (group,) = found.groups
    assert group.kind is Relation.CHANGED
    assert "of what both show differs" in group.members[0].reason
    assert (found.removable, found.frees) == (0, 0)
    plan.save(found, tmp_path / "plan.json")
    assert json.loads((tmp_path / "plan.json").read_text())["files"] == []


def test_two_views_of_one_scene_are_a_group_of_which_nothing_can_go() -> None:
    scene = paint(11, 560, 280)
    link = link_between(scene[:, :480], scene[:, 80:])
    assert link is not None
    assert link.shown == pytest.approx(400 / 480, abs=0.02)
    item = Item(Path("a.png"), b"", 10, 480, 280, 0, (0, 0))
    member = Member(item, relation(link), link, 10)
    assert member.relation is Relation.NEAR
    assert member.has_its_own
    assert Group(item, "", (member,)).frees == 0
