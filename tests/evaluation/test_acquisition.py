"""Embeddings computed once, kept, and continued."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path

import numpy as np
import pytest

from renzheng import InvalidInput, RenzhengError, Verifier
from renzheng.datasets.types import Failure, Picture
from renzheng.evaluation import acquisition
from renzheng.evaluation.acquisition import Extraction, acquire
from renzheng.evaluation.cache import Cache, default_path
from renzheng.models import packs


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(threads=1)


@pytest.fixture(scope="module")
def extraction(verifier: Verifier) -> Extraction:
    return Extraction.of(verifier, aligned="dlib-150")


def pictures_in(folder: Path) -> list[Picture]:
    return [Picture(path.name, path) for path in sorted(folder.glob("*/*.png"))]


def test_the_rows_are_the_verifiers_embeddings(
    few_crops: Path, extraction: Extraction, verifier: Verifier
) -> None:
    pictures = pictures_in(few_crops)
    found = acquire(pictures, extraction)
    assert found.rows.shape == (6, 128)
    template = np.asarray(acquisition.TEMPLATES["dlib-150"].points, np.float32)
    face = acquisition.Face(np.array([0, 0, 150, 150], np.float32), template, 1.0)
    wanted = [verifier.embed(str(p.source), face) for p in pictures]
    np.testing.assert_allclose(found.rows, wanted, atol=1e-5)
    assert len(set(found.contents)) == 6


def test_two_processes_give_what_one_gives(crops: Path, extraction: Extraction) -> None:
    pictures = pictures_in(crops)[:60]
    told: list[tuple[int, int]] = []
    one = acquire(pictures, extraction)
    two = acquire(pictures, extraction, workers=2, progress=lambda *done: told.append(done))
    np.testing.assert_allclose(one.rows, two.rows, atol=1e-5)
    assert told[0] == (0, 60)
    assert told[-1] == (60, 60)
    assert sorted(told) == told


def test_failures_are_told_apart_and_leave_gaps(few_crops: Path, extraction: Extraction) -> None:
    pictures = pictures_in(few_crops)
    (few_crops / "person 00" / "0.png").write_bytes(b"no picture")
    (few_crops / "person 01" / "1.png").write_bytes(b"")
    found = acquire(pictures, extraction)
    assert set(found.failures) == {0, 3}
    assert {f.kind for f in found.failures.values()} == {"unreadable"}
    np.testing.assert_array_equal(np.isnan(found.rows[:, 0]), [1, 0, 0, 1, 0, 0])
    part = found.select(np.array([3, 4]))
    assert set(part.failures) == {0}


def test_a_picture_without_a_face_is_a_failure(few_crops: Path, verifier: Verifier) -> None:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    pictures = [
        Picture("pattern", pictures_in(few_crops)[0].source),
        Picture("portrait", few_crops / "portrait.png"),
    ]
    from PIL import Image

    Image.fromarray(data.astronaut()).save(few_crops / "portrait.png")
    found = acquire(pictures, Extraction.of(verifier))
    assert found.failures[0].kind == "no_face"
    assert np.isfinite(found.rows[1]).all()


def test_nothing_is_computed_twice_and_a_stop_loses_little(
    crops: Path, tmp_path: Path, extraction: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = pictures_in(crops)[:40]
    whole = acquire(pictures, extraction)
    computed = []
    honest = acquisition.Extractor.__call__

    def counted(self: acquisition.Extractor, content: bytes, name: str) -> object:
        if len(computed) == 20:
            computed.append("stopped")
            raise KeyboardInterrupt
        computed.append(name)
        return honest(self, content, name)

    monkeypatch.setattr(acquisition.Extractor, "__call__", counted)
    with Cache(tmp_path / "cache") as cache:
        with pytest.raises(KeyboardInterrupt):
            acquire(pictures, extraction, cache=cache)
        again = acquire(pictures, extraction, cache=cache)
        assert len(computed) == 20 + 1 + 24  # 16 of the first 20 were kept
        acquire(pictures, extraction, cache=cache)
        assert len(computed) == 45
    np.testing.assert_array_equal(again.rows, whole.rows)


def test_a_picture_that_comes_twice_is_embedded_once(
    few_crops: Path, extraction: Extraction, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = few_crops / "copy.png"
    first = pictures_in(few_crops)[0]
    copy.write_bytes(Path(str(first.source)).read_bytes())
    calls = []
    honest = acquisition.Extractor.__call__
    monkeypatch.setattr(
        acquisition.Extractor,
        "__call__",
        lambda self, content, name: calls.append(name) or honest(self, content, name),
    )
    found = acquire([first, Picture("copy", copy), *pictures_in(few_crops)[1:]], extraction)
    assert len(calls) == 6
    np.testing.assert_array_equal(found.rows[0], found.rows[1])


def test_the_key_holds_all_that_the_embedding_depends_on(verifier: Verifier) -> None:
    def key(content: bytes = b"picture", **more: object) -> bytes:
        return Extraction.of(verifier, **more).key(content)

    keys = [
        key(),
        key(b"other"),
        key(aligned="dlib-150"),
        key(channel="chip"),
        key(channel="chip", seed=1),
        key(channel="glare"),
        Extraction.of(Verifier(threads=1, min_face_size=60)).key(b"picture"),
    ]
    assert len(set(keys)) == len(keys)
    assert key(seed=1) == key()  # without a channel nothing is drawn


def test_a_new_calibration_keeps_the_embeddings(verifier: Verifier, tmp_path: Path) -> None:
    pack = verifier.pack
    content = pack.file("calibration.json").read_bytes() + b" "
    recalibrated = packs.save_as(
        pack, tmp_path / "mine", {"calibration.json": content}, {"version": "9"}
    )
    other = packs.save_as(
        pack, tmp_path / "other", {}, {"embedding": {**pack.manifest["embedding"], "dimension": 64}}
    )
    assert recalibrated.digest != pack.digest
    assert recalibrated.network_digest == pack.network_digest != other.network_digest


def test_what_does_not_exist_is_refused(
    verifier: Verifier, extraction: Extraction, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="alignment template"):
        Extraction.of(verifier, aligned="arcface")
    with pytest.raises(InvalidInput, match="unknown document degradation"):
        Extraction.of(verifier, channel="fax")
    with pytest.raises(InvalidInput, match="cannot be read"):
        acquire([Picture("gone", tmp_path / "gone.png")], extraction)
    (tmp_path / "bad.png").write_bytes(b"bad")
    with pytest.raises(RenzhengError, match="none of the 1 pictures"):
        acquire([Picture("bad", tmp_path / "bad.png")], extraction)


def test_the_cache_keeps_rows_and_failures(tmp_path: Path) -> None:
    row = np.arange(4, dtype=np.float32)
    keys = [bytes([i // 256, i % 256]) for i in range(1200)]
    with Cache(tmp_path / "deep" / "cache") as cache:
        cache.put({b"a": row, b"b": Failure("no_face", "none"), **dict.fromkeys(keys, row)})
    with Cache(tmp_path / "deep" / "cache") as cache:
        found = cache.get([b"a", b"b", b"c", *keys])
    np.testing.assert_array_equal(found[b"a"], row)
    assert found[b"b"] == Failure("no_face", "none")
    assert len(found) == 1202


@pytest.mark.skipif(os.name != "posix", reason="permissions as POSIX has them")
def test_templates_are_for_their_owner_only(tmp_path: Path) -> None:
    with Cache(tmp_path / "cache"):
        pass
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o600


def test_a_cache_that_is_something_else_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    path.write_bytes(b"not a database, but long enough to look like a file of some sort" * 20)
    with pytest.raises(RenzhengError, match="cannot be used"):
        Cache(path)
    with pytest.raises(RenzhengError, match="cannot be written"):
        Cache(tmp_path)
    base = sqlite3.connect(tmp_path / "future")
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(RenzhengError, match="layout is 99"):
        Cache(tmp_path / "future")


def test_the_cache_lies_beside_the_packs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path))
    assert default_path().parent == tmp_path
