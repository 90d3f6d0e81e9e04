"""Embeddings by another detector are known as such."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from renzheng import InvalidInput, Verifier
from renzheng.models import packs
from renzheng.types import Role
from renzheng.verification import detectors
from renzheng.verification.config import VerifierConfig

MTCNN, YUNET = (
    {"name": name, "version": "1", "network_digest": name * 2} for name in ("mtcnn", "yunet")
)


@pytest.fixture(scope="module")
def verifiers() -> tuple[Verifier, Verifier]:
    roles = (Role.PHOTO, Role.PHOTO)
    one, other = (Verifier(detector=d, roles=roles, threads=1) for d in ("mtcnn", "yunet"))
    return one, other


@pytest.fixture(scope="module")
def pictures(assets: Path) -> list[Path]:
    return sorted((assets / "asian" / "AF").glob("*.jpg"))[:2]


@pytest.mark.parametrize(
    ("record", "other", "alike"),
    [
        (None, None, True),
        (None, MTCNN, True),  # written before there was a choice
        (None, YUNET, False),
        (MTCNN, MTCNN, True),
        (MTCNN, YUNET, False),
        (MTCNN, {**MTCNN, "network_digest": "other"}, False),
        (YUNET, {**YUNET, "version": "2", "name": "renamed"}, True),
        ("mtcnn", {}, True),
    ],
)
def test_records_name_a_detector(record: object, other: object, alike: bool) -> None:
    assert detectors.are_alike(record, other) is alike
    assert detectors.are_alike(other, record) is alike


def test_the_packs_calibration_is_of_the_default_detector() -> None:
    assert detectors.name_of(None) == packs.DEFAULT_DETECTOR


def test_rates_of_another_detector_are_warned_of(
    verifiers: tuple[Verifier, Verifier], pictures: list[Path]
) -> None:
    for verifier, warned in zip(verifiers, (False, True), strict=True):
        result = verifier.verify(*pictures)
        assert result.pack["detector"] == verifier.detector_pack.name
        found = [each for each in result.findings if each.code == "other_detector"]
        assert bool(found) is warned
        if warned:
            assert "found by mtcnn, and these were found by yunet" in found[0].message
            assert str(found[0].severity) == "warning"


def test_a_calibration_made_with_the_detector_is_not_warned_of(
    verifiers: tuple[Verifier, Verifier], pictures: list[Path]
) -> None:
    verifier = verifiers[1]
    assert verifier.calibration is not None
    record = detectors.described(verifier.detector_pack)
    calibration = replace(verifier.calibration, provenance={"detector": record})
    same = Verifier(
        face_models=replace(verifier.face_models, calibration=calibration), roles=verifier.roles
    )
    codes = {each.code for each in same.verify(*pictures).findings}
    assert "other_detector" not in codes


def test_a_template_of_another_detector_is_refused(
    verifiers: tuple[Verifier, Verifier], pictures: list[Path]
) -> None:
    one, other = (each.extract(pictures[0], Role.PHOTO) for each in verifiers)
    assert one.detector == verifiers[0].detector_pack.network_digest
    with pytest.raises(InvalidInput, match="found by another detector"):
        verifiers[0].compare_templates(one, other)
    former = replace(one, detector="")  # made before there was a choice
    assert verifiers[0].compare_templates(former, one).comparison is not None


def test_other_processes_get_the_same_detector(verifiers: tuple[Verifier, Verifier]) -> None:
    config = VerifierConfig.of(verifiers[1])
    assert config.verifier().detector_pack.digest == verifiers[1].detector_pack.digest
