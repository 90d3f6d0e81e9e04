"""Degraded faces of real pictures: acquired once, kept, and measured."""

from __future__ import annotations

import json
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from renzheng import InvalidInput, RenzhengError, Role, Verifier
from renzheng.datasets import people as folders
from renzheng.datasets.degradations import captures
from renzheng.datasets.types import People, Picture
from renzheng.evaluation.information import acquisition
from renzheng.evaluation.information.acquisition import acquire_degraded
from renzheng.evaluation.information.cache import DegradedCache, DegradedFace
from renzheng.evaluation.information.fitting import acquire_fitting
from renzheng.evaluation.information.study import (
    InformationSettings,
    drawn_people,
    evaluate_degraded,
)
from renzheng.faces import quality

NAMES = ("noise-60", "sunglasses", "half-as-wide")


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(threads=1)


@pytest.fixture(scope="module")
def four(assets: Path) -> People:
    """Four people of LFW, two of them with two pictures."""
    everyone = folders.read(assets / "lfw" / "lfw-deepfunneled")
    counts = np.bincount(everyone.person)
    chosen = [*np.flatnonzero(counts >= 2)[:2], *np.flatnonzero(counts == 1)[:2]]
    return drawn_people(everyone.select(np.isin(everyone.person, chosen)), None, 0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache") / "degraded.sqlite3"


def settings(cache: Path, **more: object) -> InformationSettings:
    return replace(InformationSettings(NAMES, cache=cache, draws=20), **more)  # type: ignore[arg-type]


def test_a_study_measures_every_degradation(four: People, verifier: Verifier, cache: Path) -> None:
    told: list[tuple[str, int, int]] = []
    study = evaluate_degraded(
        four, verifier, settings(cache), progress=lambda *done: told.append(done)
    )
    assert [row.name for row in study.rows] == ["clean", *NAMES]
    assert (study.people, study.second_pictures) == (4, 2)
    assert ("degrading", 16, 16) in told  # four pictures, clean and in three ways
    assert ("degrading second pictures", 8, 8) in told
    for row in study.rows:
        assert row.not_acquired.of == 4
        assert row.alike is not None
        assert row.alike.pairs <= 6
        assert row.genuine_alike is not None
        assert row.genuine_alike.before.of <= 2
    clean = study.rows[0]
    assert clean.one_sided is None
    assert clean.alike is not None
    assert clean.alike.pairs == 6
    assert clean.alike.before_count == 0
    # Noise takes more of a face away than nothing does.
    assert study.rows[1].strength[1] < clean.strength[1]
    assert study.mixed is not None
    assert study.mixed.pairs > 0
    plain = json.loads(json.dumps(study.to_dict()))
    assert [row["name"] for row in plain["degradations"]] == ["clean", *NAMES]
    assert "NaN" not in json.dumps(plain)


def test_nothing_is_computed_twice(
    four: People, verifier: Verifier, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evaluate_degraded(four, verifier, settings(cache))
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600

    def work(*_: object) -> None:
        pytest.fail("a face that is known is acquired again")

    monkeypatch.setattr(acquisition, "_degraded", work)
    again = evaluate_degraded(four, verifier, settings(cache))
    assert first.to_dict()["degradations"] == again.to_dict()["degradations"]


def test_quality_is_measured_anew_where_its_measures_changed(
    four: People, verifier: Verifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures, path = four.pictures[:1], tmp_path / "kept.sqlite3"
    with DegradedCache(path) as cache:
        before = acquire_degraded(pictures, verifier, ["noise-60"], cache=cache)
        names = dict(quality.MEASURES)
        rows = cache._base.execute("SELECT key FROM faces").fetchall()
        kept = cache.get([key for (key,) in rows])
        faces = {k: each for k, each in kept.items() if isinstance(each, DegradedFace)}
        assert len(faces) == 2
        cache.put({k: replace(each, quality={}, measured="") for k, each in faces.items()})
        monkeypatch.setattr(verifier.face_models.embedder, "embed_with_lengths", None)
        after = acquire_degraded(pictures, verifier, ["noise-60"], cache=cache)
        for each in cache.get([key for (key,) in rows]).values():
            assert each.quality.keys() == names.keys()  # type: ignore[union-attr]
    np.testing.assert_array_equal(before.embeddings, after.embeddings)
    np.testing.assert_allclose(before.strengths, after.strengths)


def test_a_clean_face_is_that_of_the_verifier(four: People, verifier: Verifier) -> None:
    found = acquire_degraded(four.pictures[:1], verifier, [])
    photo = verifier.with_roles((Role.PHOTO, Role.PHOTO)).extract(
        four.pictures[0].source, Role.PHOTO
    )
    assert photo.embedding is not None
    np.testing.assert_allclose(found.embeddings[0, 0], photo.embedding, atol=1e-5)
    assert found.strengths[0, 0] == pytest.approx(photo.strength, rel=1e-4)


def test_people_to_fit_on_go_through_what_is_not_held_out(
    four: People, verifier: Verifier, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captures, "fitted", lambda: ("noise-60", "sunglasses"))
    found = acquire_fitting(four, 3, verifier, cache=cache)
    assert found.faces.names == ("clean", "noise-60", "sunglasses")
    assert found.faces.strengths.shape == (3, 3)
    with pytest.raises(InvalidInput, match="two people"):
        acquire_fitting(four, 1, verifier)


def test_a_file_that_is_no_cache_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite3"
    with sqlite3.connect(path) as base:
        base.execute("PRAGMA user_version = 7")
    with pytest.raises(RenzhengError, match="layout is 7"):
        DegradedCache(path)


def test_what_cannot_be_measured_is_refused(four: People, verifier: Verifier) -> None:
    with pytest.raises(InvalidInput, match="noise-60"):
        acquire_degraded(four.pictures, verifier, ["fog"])
    with pytest.raises(InvalidInput, match="two people"):
        drawn_people(four, 1, 0)
    with pytest.raises(RenzhengError, match="none of the 1 pictures"):
        acquire_degraded([Picture("not a picture", b"text")], verifier, ["noise-60"])
    bare = Verifier(threads=1)
    bare.calibration = None
    with pytest.raises(InvalidInput, match="promises no rate"):
        evaluate_degraded(four, bare, InformationSettings(NAMES))
