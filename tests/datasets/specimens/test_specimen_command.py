"""``renzheng specimen``, called in this process."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from renzheng.apps.cli import main
from renzheng.datasets import demo
from renzheng.datasets.specimens import CAPTURES, LAYOUTS


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("skimage", reason="needs scikit-image's public-domain portrait")
    path = tmp_path_factory.mktemp("specimen") / "face.png"
    Pillow.fromarray(demo.original()).save(path)
    return path


def test_it_writes_the_picture_and_says_where_things_are(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "card.png"
    words = ["--layout", "passport", "--capture", "scan-200", "--seed", "4", "--turn", "90"]
    assert main(["specimen", str(picture), "-o", str(out), *words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    image = np.array(Pillow.open(out))
    assert said["size"] == [image.shape[1], image.shape[0]]
    assert said["layout"] == "passport"
    assert (said["capture"], said["seed"], said["turn"]) == ("scan-200", 4, 90)
    assert said["dpi"] == pytest.approx(200, abs=1)
    for name in ("card", "portrait", "ghost"):
        corners = np.array(said[name])
        assert corners.shape == (4, 2)
        assert ((corners >= 0) & (corners <= said["size"])).all()
    # Turned clockwise: the card's upper edge runs down the right side.
    assert said["card"][1][1] > said["card"][0][1] + 100
    again = tmp_path / "again.png"
    main(["specimen", str(picture), "-o", str(again), *words])
    assert again.read_bytes() == out.read_bytes()
    assert "passport, scan-200" in capsys.readouterr().out


def test_the_list_names_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specimen", "--list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in (*LAYOUTS, *CAPTURES))
    assert main(["specimen", "--list", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert list(said["layouts"]) == list(LAYOUTS)
    assert list(said["captures"]) == list(CAPTURES)


def test_of_several_faces_it_says_which_one(
    picture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = np.array(Pillow.open(picture))
    small = np.array(Pillow.fromarray(alone).resize((alone.shape[1] // 2, alone.shape[0] // 2)))
    both = np.zeros((alone.shape[0], alone.shape[1] + small.shape[1], 3), np.uint8)
    both[:, : alone.shape[1]] = alone
    both[: small.shape[0], alone.shape[1] :] = small
    Pillow.fromarray(both).save(tmp_path / "two.png")
    words = ["-o", str(tmp_path / "card.png")]
    assert main(["specimen", str(tmp_path / "two.png"), *words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["other_faces"] == 1
    assert said["face"]["box"][2] < alone.shape[1]
    assert main(["specimen", str(tmp_path / "two.png"), *words]) == 0
    assert re.search(r"chosen from 2 faces: \(.*; 1 other", capsys.readouterr().out)
    assert main(["specimen", str(picture), *words]) == 0
    assert "left out" not in capsys.readouterr().out


def test_the_list_takes_no_picture(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specimen", "--list", "extra.png"]) == 2
    assert main(["specimen", "--list", "-o", "extra.png"]) == 2
    assert "--list" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--layout", "id9"], "there are: id1-left"),
        (["--capture", "fax"], "there are: none"),
        (["--seed", "-1"], "seed"),
        (["--dpi", "10000000"], "dpi"),
        (["--dpi", "nan"], "dpi"),
    ],
)
def test_what_does_not_exist_is_a_usage_error(
    words: list[str],
    said: str,
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "card.png"
    assert main(["specimen", str(picture), "-o", str(out), *words]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_picture_and_a_png_are_needed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["specimen"]) == 2
    assert main(["specimen", "a.png"]) == 2
    assert main(["specimen", "a.png", "-o", str(tmp_path / "card.jpg")]) == 2
    assert ".png" in capsys.readouterr().err


def test_no_picture_and_no_face_are_not_comparable(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "card.png"
    broken, empty = tmp_path / "broken.png", tmp_path / "empty.png"
    broken.write_bytes(b"no picture")
    Pillow.new("RGB", (200, 200)).save(empty)
    assert main(["specimen", str(broken), "-o", str(out)]) == 4
    assert main(["specimen", str(empty), "-o", str(out)]) == 4
    assert main(["specimen", str(tmp_path / "missing.png"), "-o", str(out)]) == 4
    assert "no face was found" in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_that_is_not_there_is_a_failure(picture: Path, tmp_path: Path) -> None:
    assert main(["specimen", str(picture), "-o", str(tmp_path / "no" / "card.png")]) == 5
