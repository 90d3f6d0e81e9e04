"""``renzheng calibrate`` with several populations: from pictures to what is said of two faces."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from made_up import embeddings, paint
from renzheng import Calibration, InvalidInput
from renzheng.datasets import people
from renzheng.datasets.table import read_people
from renzheng.evaluation.comparisons import populations
from renzheng.evaluation.comparisons.all_pairs import compare_all
from renzheng.evaluation.comparisons.calibration import Compared, fit
from renzheng.evaluation.sampling import split_people
from renzheng.models import packs

ALIGNED = (
    *("--pack", "dlib-resnet", "--aligned", "dlib-150"),
    *("--draws", "40", "--workers", "1", "--no-cache"),
)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", *map(str, arguments)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def flat(folder: Path, count: int) -> Path:
    """Pictures each of which shows another person."""
    paint(folder / "apart", count, 1)
    for path in sorted((folder / "apart").glob("*/0.png")):
        path.rename(folder / f"{path.parent.name}.png")
    shutil.rmtree(folder / "apart")
    return folder


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return flat(tmp_path_factory.mktemp("others"), 80)


def test_a_flat_folder_shows_another_person_in_every_picture(others: Path, crops: Path) -> None:
    found = people.read_any(others)
    assert len(np.unique(found.person)) == len(found.pictures) == 80
    assert found.names[0] == "person 00.png"
    by_folder = people.read_any(crops)
    assert (len(np.unique(by_folder.person)), len(by_folder.pictures)) == (40, 120)


def test_a_folder_that_can_be_read_both_ways_is_refused(few_crops: Path) -> None:
    shutil.copy(few_crops / "person 00" / "0.png", few_crops / "stray.png")
    with pytest.raises(InvalidInput, match="both pictures and folders"):
        people.read_any(few_crops)
    assert len(people.read(few_crops).pictures) == 6  # a folder of people passes strays over
    (few_crops / "empty").mkdir()
    for who in few_crops.glob("person *"):
        shutil.rmtree(who)
    shutil.copy(few_crops / "stray.png", few_crops / "other.png")
    assert len(people.read_any(few_crops).pictures) == 2  # a folder without pictures is nobody


def test_a_table_of_pictures_alone(few_crops: Path) -> None:
    path = few_crops / "people.csv"
    path.write_text("picture,sex\nperson 00/0.png,f\nperson 01/0.png,f\nperson 01/1.png,m\n")
    with pytest.raises(InvalidInput, match="lacks the column"):
        read_people(path)
    found = read_people(path, one_picture_each=True)
    assert len(np.unique(found.person)) == 3
    assert found.groups["sex"].tolist() == ["f", "f", "m"]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("faces", "NAME=FOLDER_OR_TABLE, not 'faces'"),
        ("=faces", "NAME=FOLDER_OR_TABLE"),
        ("women=", "NAME=FOLDER_OR_TABLE"),
        ("women=nowhere", "no folder or table of the population 'women'"),
        ("a\nb=nowhere", "on one line"),
        ("us=nowhere", "two populations are called 'us'"),
        ("women=empty", "no pictures of people"),
        ("women=one", "two people at least"),
        ("women=letter.csv", "lacks the column"),
    ],
)
def test_what_is_no_population_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    flat(tmp_path / "one", 1)
    (tmp_path / "letter.csv").write_text("dear,madam\nyours,truly\n")
    with pytest.raises(InvalidInput, match=message):
        populations.read([(asked, True)], ["us"])


def test_names_may_hold_spaces_and_paths_equals_signs(tmp_path: Path) -> None:
    place = flat(tmp_path / "a=b", 3)
    (sample,) = populations.read([(f" East Asian women = {place}", False)])
    assert (sample.name, sample.covered, len(sample.people.pictures)) == (
        "East Asian women", False, 3,
    )  # fmt: skip


def test_two_of_one_name_and_too_few_are_refused(others: Path) -> None:
    with pytest.raises(InvalidInput, match="two populations are called 'a'"):
        populations.read([(f"a={others}", True), (f"a={others}", False)])
    (sample,) = populations.read([(f"a={others}", True)])
    populations.check_sizes([sample], 0.5, 0)
    with pytest.raises(InvalidInput, match="too few people: 8 to fit on and 72 to test on"):
        populations.check_sizes([sample], 0.9, 0)


def test_the_promise_holds_in_each_covered_population_on_other_people() -> None:
    rows, person = embeddings(600, 3, spread=0.7, seed=8)
    alike, one_each = embeddings(500, 1, dimension=10, seed=9)
    tested, held = split_people(person, 0.5, 1), split_people(one_each, 0.5, 1)
    calibration = fit(
        compare_all(rows[~tested], person[~tested]),
        population="us",
        others=[Compared("alike", "", compare_all(alike[~held], one_each[~held]))],
    )
    scores = compare_all(alike[held], one_each[held])
    kept = populations.observe(Compared("alike", "", scores), calibration, draws=60)
    assert [each.promised for each in kept] == [1e-1, 1e-2, 1e-3, 1e-4]
    for each in kept:
        assert (each.population, each.covered, each.people) == ("alike", True, 250)
        within = scores.impostors_within(each.threshold) / scores.impostors
        assert each.fmr.value == pytest.approx(within)
        assert each.fmr.low / 1.5 <= each.promised
        assert not each.broken
    # With the main population's own curve it would not.
    alone = fit(compare_all(rows[~tested], person[~tested]))
    assert all(
        each.broken
        for each in populations.observe(Compared("alike", "", scores), alone, draws=60)
        if 1e-3 <= each.promised <= 1e-2
    )


def test_calibrate_on_several_populations(crops: Path, others: Path, tmp_path: Path) -> None:
    pack = tmp_path / "mine"
    page = tmp_path / "report.html"
    done = run(
        *("calibrate", "--people", crops, *ALIGNED, "-o", pack, "--people-name", "painted people"),
        *("--population", f"flat people={others}", "--stated", f"others={others}"),
        *("--report", page),
    )
    assert done.returncode == 0, done.stderr
    for phrase in ("by population", "flat people", "not covered: others", "the worst counts"):
        assert phrase in done.stdout
    assert "by population" in page.read_text()
    observed = json.loads(page.with_suffix(".json").read_text())["populations"]
    names = ["painted people", "flat people", "others"]
    assert list(dict.fromkeys(each["population"] for each in observed)) == names
    assert observed[0]["observed_fmr"].keys() == {"value", "low", "high"}
    calibration = Calibration.load(pack / "calibration.json")
    assert [each.name for each in calibration.populations] == names
    assert [each.covered for each in calibration.populations] == [True, True, False]
    assert [each.people for each in calibration.populations] == [20, 40, 40]
    main, further, stated = calibration.populations
    np.testing.assert_allclose(calibration.fmr, np.maximum(main.fmr, further.fmr), rtol=1e-5)
    np.testing.assert_array_equal(further.fmr, stated.fmr)
    told = packs.load(pack).manifest["calibration"]
    assert told["populations"] == [each.described() for each in calibration.populations]
    assert {each["population"] for each in told["held_out_by_population"]} == set(names)
    shown = run("packs", "show", pack)
    assert "name flat people" in shown.stdout
    # And verify says it: in text, in JSON and in a report.
    portrait = tmp_path / "portrait.png"
    Pillow.fromarray(pytest.importorskip("skimage.data").astronaut()).save(portrait)
    both = (portrait, portrait, "--pack", pack, "--max-fmr", 0.5, "--allow-same-picture")
    used = run("verify", *both, "--report", tmp_path / "why.html")
    assert used.returncode == 0, used.stderr
    (line,) = [each for each in used.stdout.splitlines() if each.startswith("measured on ")]
    assert "painted people " in line
    assert line.endswith("; the worst counts")
    assert "\nnot covered others: " in used.stdout
    assert "<strong>Measured on:</strong> painted people" in (tmp_path / "why.html").read_text()
    result = json.loads(run("verify", *both, "--json").stdout)
    assert [each["population"] for each in result["fmr_by_population"]] == names
    assert result["fmr"]["value"] >= max(
        each["value"] for each in result["fmr_by_population"] if each["covered"]
    )


def test_calibrate_refuses_before_the_work(crops: Path, tmp_path: Path) -> None:
    done = run("calibrate", "--people", crops, *ALIGNED, "-o", tmp_path / "mine",
               "--population", "women")  # fmt: skip
    assert done.returncode == 2
    assert "NAME=FOLDER_OR_TABLE" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mine").exists()


def test_faces_of_east_asians_are_a_population(assets: Path, tmp_path: Path) -> None:
    lfw, women = tmp_path / "lfw", tmp_path / "women"
    women.mkdir()
    several = (
        who
        for who in sorted((assets / "lfw" / "lfw-deepfunneled").iterdir())
        if len(list(who.glob("*.jpg"))) in (2, 3)
    )
    for who, _ in zip(several, range(44), strict=False):
        shutil.copytree(who, lfw / who.name)
    for picture, _ in zip(sorted((assets / "asian" / "AF").iterdir()), range(40), strict=False):
        shutil.copy(picture, women / picture.name)
    done = run(
        *("calibrate", "--people", lfw, "--pack", "dlib-resnet", "--workers", "1", "--no-cache"),
        *("--draws", "20", "-o", tmp_path / "mine", "--population", f"East Asian women={women}"),
    )
    assert done.returncode == 0, done.stderr
    main, further = Calibration.load(tmp_path / "mine" / "calibration.json").populations
    assert (main.name, further.name) == ("lfw", "East Asian women")
    assert further.people == 20
    # This network takes them for one another more often than LFW's people.
    middle = len(main.fmr) // 2
    assert further.fmr[middle] > main.fmr[middle]
