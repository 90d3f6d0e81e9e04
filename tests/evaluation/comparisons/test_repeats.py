from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from renzheng import Verifier, images
from renzheng.datasets.types import People, Picture
from renzheng.evaluation.comparisons.evaluator import EvaluationSettings, Evaluator


@pytest.fixture(scope="module")
def evaluator() -> Evaluator:
    return Evaluator(Verifier(), EvaluationSettings(cache=None, workers=1))


def everyone(paths: list[Path]) -> People:
    return People("made", [Picture(p.name, p) for p in paths], np.arange(len(paths)))


def test_one_photograph_under_two_names_counts_once(
    evaluator: Evaluator, assets: Path, tmp_path: Path
) -> None:
    originals = sorted((assets / "asian" / "AF").iterdir())[:30]
    image = images.read(originals[3])
    again = tmp_path / "somebody_else.jpg"
    smaller = cv2.resize(image[4:-4, 6:-2], None, fx=0.9, fy=0.9, interpolation=cv2.INTER_AREA)
    Image.fromarray(np.asarray(smaller, np.uint8)).save(again, quality=70)
    kept, embedded = evaluator.embed_people(everyone([*originals, again]))
    assert [picture.name for picture in kept.pictures] == [path.name for path in originals]
    assert len(embedded.rows) == len(originals)
    (problem,) = kept.problems
    assert problem.where == "somebody_else.jpg"
    assert f"the same photograph as {originals[3].name}" in problem.reason


@pytest.mark.parametrize("products", [1, 7, 50, 1 << 21])
def test_the_nearest_pairs_are_found_block_by_block(
    monkeypatch: pytest.MonkeyPatch, products: int
) -> None:
    from renzheng.evaluation.comparisons import repeats

    monkeypatch.setattr(repeats, "_PRODUCTS", products)
    rows = np.random.default_rng(0).normal(size=(23, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    wanted = sorted(
        ((i, j) for i in range(23) for j in range(i + 1, 23)),
        key=lambda p: -rows[p[0]] @ rows[p[1]],
    )
    assert sorted(repeats._nearest(rows, 9)) == sorted(wanted[:9])
    assert sorted(repeats._nearest(rows[:3], 99)) == [(0, 1), (0, 2), (1, 2)]


def test_two_photographs_of_one_person_stay(evaluator: Evaluator, assets: Path) -> None:
    folder = assets / "lfw" / "lfw-deepfunneled" / "Aaron_Peirsol"
    two = sorted(folder.iterdir())[:2]
    others = sorted((assets / "asian" / "AM").iterdir())[:20]
    kept, _ = evaluator.embed_people(everyone([*two, *others]))
    assert len(kept.pictures) == 22
    assert kept.problems == ()


def test_where_people_have_several_pictures_nothing_is_compared(
    evaluator: Evaluator, assets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from renzheng.evaluation.comparisons import repeats

    monkeypatch.setattr(repeats, "find", lambda *_: pytest.fail("looked for repeats"))
    paths = sorted((assets / "asian" / "AM").iterdir())[:3]
    people = People("made", [Picture(p.name, p) for p in paths], np.array([0, 0, 1]))
    assert len(evaluator.embed_people(people)[0].pictures) == 3
