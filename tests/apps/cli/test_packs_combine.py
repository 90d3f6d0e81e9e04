"""``renzheng packs combine``, and what is done with its pack."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from made_up import small_embedder
from renzheng import InvalidInput, Verifier
from renzheng.apps.cli import main
from renzheng.datasets import people
from renzheng.evaluation.acquisition import Extraction, Extractor
from renzheng.evaluation.cache import Cache
from renzheng.evaluation.comparisons.evaluator import Evaluator
from renzheng.evaluation.comparisons.quantisation import quantise
from renzheng.models.packs import Pack
from renzheng.verification.policy import Policy


@dataclass(frozen=True)
class Done:
    """What a command ended with."""

    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def do(*words: object) -> Done:
        capsys.readouterr()
        code = main([*map(str, words)])
        shown = capsys.readouterr()
        return Done(code, shown.out, shown.err)

    return do


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("members")
    return [
        small_embedder(folder / "one").folder,
        small_embedder(folder / "two", template="dlib-150", size=150, seed=1).folder,
    ]


@pytest.fixture(scope="module")
def told(
    members: list[Path], crops: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The answer of the command for painted crops, of which it makes a pack ``both``."""
    folder = tmp_path_factory.mktemp("combined")
    words = (
        *("packs", "combine", *members, "--people", crops, "--hold-out", 0.25, "--json"),
        *("--aligned", "arcface-112", "--workers", 1, "--cache", folder / "cache.sqlite3"),
        *("-o", folder / "both", "--name", "both"),
    )
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        assert main([*map(str, words)]) == 0
    found: dict[str, Any] = json.loads(shown.getvalue())
    return found


@pytest.fixture(scope="module")
def combined(told: dict[str, Any]) -> Pack:
    return Pack.load(Path(told["pack"]))


def test_weights_are_fitted_tested_and_calibrated(told: dict[str, Any], combined: Pack) -> None:
    assert sum(w * w for w in told["weights"]) == pytest.approx(1)
    assert told["fitted"]["people"] == 30
    assert told["calibrated"]
    assert told["held_out"] is not None
    assert combined.digest == told["digest"]
    assert combined.version == "1+calibrated"
    assert "fitted on 30 people" in combined.manifest["provenance"]["weights"]
    assert "command" in combined.manifest["provenance"]
    assert [each["weight"] for each in combined.manifest["members"]] == pytest.approx(
        told["weights"], abs=1e-5
    )


def test_nothing_was_embedded_twice(combined: Pack, crops: Path) -> None:
    """What was embedded to fit weights is in the cache as the ensemble's own embeddings."""
    verifier = Verifier(combined.folder, threads=1)
    extraction = Extraction.of(verifier, aligned="arcface-112")
    pictures = sorted(crops.glob("*/*.png"))[:12]
    keys = [extraction.key(each.read_bytes()) for each in pictures]
    with Cache(combined.folder.with_name("cache.sqlite3")) as cache:
        known = cache.get(keys)
    assert len(known) == len(keys)
    extractor = Extractor(extraction, threads=1)
    for key, picture in zip(keys, pictures, strict=True):
        own = extractor(picture.read_bytes(), picture.name)
        assert np.allclose(known[key], own, atol=1e-5)


def test_it_serves_as_any_pack_does(run: Run, combined: Pack, crops: Path, tmp_path: Path) -> None:
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    portrait = data.astronaut()
    verifier = Verifier(combined.folder, policy=Policy(max_fmr=0.5), threads=1)
    result = verifier.verify(portrait, portrait)
    assert result.comparison is not None
    assert result.comparison.distance == pytest.approx(0, abs=1e-5)
    assert result.comparison.fmr is not None
    assert result.pack["name"] == "both"
    features = verifier.embed(portrait, verifier.detect(portrait)[0])
    assert features.shape == (48,)
    done = run(
        *("evaluate", "people", crops, "--pack", combined.folder, "--aligned", "arcface-112"),
        *("--cache", combined.folder.with_name("cache.sqlite3"), "--json"),
        *("--workers", 1, "--draws", 0),
    )
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert combined.digest in json.dumps(shown["provenance"])
    with pytest.raises(InvalidInput, match="quantise its members"):
        quantise(Evaluator(verifier), people.read(crops), tmp_path / "small")


def test_a_gallery_keeps_and_finds_its_embeddings(combined: Pack, tmp_path: Path) -> None:
    pytest.importorskip("lancedb")
    from renzheng.gallery import Entry, Gallery

    verifier = Verifier(combined.folder, threads=1)
    gallery = Gallery.create(tmp_path / "gallery", verifier)
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(5, 48)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    gallery.add([Entry(f"p{k}", row) for k, row in enumerate(rows)])
    found = gallery.search(rows[3])
    assert found.candidates[0].entry.id == "p3"


def test_weights_by_hand_need_no_people(run: Run, members: list[Path], tmp_path: Path) -> None:
    done = run("packs", "combine", *members, "--weights", "2,1", "-o", tmp_path / "both")
    assert done.code == 0, done.err
    assert "80% of the squared distance" in done.out
    assert f"renzheng calibrate --pack {tmp_path / 'both'} --people PEOPLE" in done.out
    shown = run("packs", "show", tmp_path / "both", "--json")
    assert json.loads(shown.out)["licence"] == "terms 0 and terms 1"


def test_too_few_people_to_calibrate_on_are_enough_for_a_pack(
    run: Run, members: list[Path], few_crops: Path, tmp_path: Path
) -> None:
    words = ("--people", few_crops, "--aligned", "arcface-112", "--no-cache", "--workers", 1)
    output = ("-o", tmp_path / "both")
    done = run("packs", "combine", *members, "--weights", "1,1", "--hold-out", 0, *words, *output)
    assert done.code == 0, done.err
    assert "without false match rates" in done.out
    assert Pack.load(tmp_path / "both").version == "1"
    done = run("packs", "combine", *members, "--hold-out", 0, *words, "-o", tmp_path / "auto")
    assert done.code != 0
    assert "too few to fit weights on" in done.err
    assert not (tmp_path / "auto").exists()


def test_refusals_come_before_any_work(run: Run, members: list[Path], tmp_path: Path) -> None:
    def refused(*words: object) -> str:
        done = run("packs", "combine", *words)
        assert done.code != 0
        return done.err

    output = ("-o", tmp_path / "both")
    assert "weights are fitted to people" in refused(*members, *output)
    assert "--population and --degraded need --people" in refused(
        *members, "--weights", "1,1", "--degraded", 3, *output
    )
    assert "of kind detector" in refused(members[0], "mtcnn", "--weights", "1,1", *output)
    assert "the same network" in refused(members[0], members[0], "--weights", "1,1", *output)
    assert "exists already" in refused(*members, "--weights", "1,1", "-o", tmp_path)
    with pytest.raises(SystemExit):
        run("packs", "combine", *members, "--weights", "1,much", *output)
    assert not (tmp_path / "both").exists()
