"""What is said of two pictures whose hashes come near."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from painted_pictures import paint, save
from renzheng import pictures
from renzheng.duplicates import find, verification
from renzheng.duplicates.results import Relation, relation
from renzheng.duplicates.verification import tie


def features(picture: np.ndarray) -> pictures.LocalFeatures:
    return pictures.local_features(np.ascontiguousarray(picture))


def test_shares_say_what_of_each_is_in_the_other() -> None:
    picture = paint(5)
    crop = picture[40:240, 60:360]
    link = tie(features(picture), features(crop))
    assert link is not None
    assert link.shown == pytest.approx(300 * 200 / (360 * 280), abs=0.02)
    assert link.filled > 0.98
    back = tie(features(crop), features(picture))
    assert back is not None
    assert (back.shown, back.filled) == pytest.approx((link.filled, link.shown), abs=0.01)
    assert relation(link) is Relation.NEAR


def test_a_frame_is_not_from_the_picture() -> None:
    picture = paint(6)
    framed = cv2.copyMakeBorder(picture, 28, 28, 36, 36, cv2.BORDER_CONSTANT, value=(9, 60, 120))
    link = tie(features(picture), features(framed))
    assert link is not None
    assert link.shown > 0.98
    assert link.filled == pytest.approx(360 * 280 / (432 * 336), abs=0.02)


def test_a_mirror_image_is_a_near_duplicate_and_a_smaller_one_the_same() -> None:
    picture = paint(7)
    link = tie(features(picture), features(picture[:, ::-1]))
    assert link is not None
    assert link.mirrored
    assert relation(link) is Relation.NEAR
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    link = tie(features(picture), features(half))
    assert link is not None
    assert not link.mirrored
    assert relation(link) is Relation.SAME


def test_strangers_whose_hashes_agree_are_no_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in range(5):
        save(paint(seed), tmp_path / f"{seed}.png")
    monkeypatch.setattr(pictures, "CANDIDATE_BITS", 256)  # everyone is a candidate
    monkeypatch.setattr(pictures, "SAME_BITS", 256)  # and the same by hash alone
    assert find([tmp_path]).groups == ()


def test_where_there_is_little_to_see_the_hash_decides(tmp_path: Path) -> None:
    picture = np.full((240, 300, 3), 90, np.uint8)
    cv2.circle(picture, (110, 90), 60, (200, 180, 20), -1)
    cv2.rectangle(picture, (190, 120), (299, 239), (20, 40, 180), -1)
    picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 2), np.uint8)
    assert len(features(picture).points) < verification.FEW_FEATURES
    assert tie(features(picture), features(picture)) is None
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


def test_turning_strangers_away_at_once_loses_no_version() -> None:
    painted = [paint(seed) for seed in range(6)]
    versions = [
        painted[0][:, ::-1],
        painted[0][30:, :-60],
        cv2.resize(painted[1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
    ]
    nothing = np.full((90, 90, 3), 7, np.uint8)
    seen = [
        verification._Seen.of(features(picture)) for picture in (*painted, *versions, nothing)
    ]
    for one in seen:
        hopeful = verification._hopeful(one, seen)
        tied = [k for k, other in enumerate(seen) if tie(one.features, other.features) is not None]
        assert set(tied) <= set(hopeful)
    assert verification._hopeful(seen[0], seen) == [0, 6, 7]  # the strangers are turned away
    assert verification._hopeful(seen[0], [seen[-1]]) == []
