from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import renzheng
from images.similarity.networks import network
from images.similarity.painted import coded, picture
from renzheng import InvalidInput, Likeness, UnreadableImage
from renzheng.apps.cli import main
from renzheng.apps.reports import similarity as report
from renzheng.images.similarity import Features


def rings() -> np.ndarray:
    y, x = np.mgrid[0:200, 0:300]
    wave = 127 + 120 * np.sin(np.hypot(x - 90, y - 120) / 4 + np.arctan2(y - 120, x - 90))
    return np.repeat(wave.astype(np.uint8)[:, :, None], 3, axis=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a.png; again.jpg and part.jpg, made from it; other.png; blank.png, text.jpg ..."""
    place = tmp_path_factory.mktemp("pictures")
    a = picture(1)
    ground = picture(5, 520, 440)
    ground[90:310, 130:390] = a
    for name, image in (
        ("a.png", a), ("again.png", coded(a, 30)), ("part.png", coded(ground, 70)),
        ("other.png", picture(9)),
        ("rings.png", rings()), ("blank.png", np.full((90, 90, 3), 200, np.uint8)),
        ("one.png", a[:1, :1]), ("strip.png", np.resize(a, (14, 400, 3))),
    ):  # fmt: skip
        Pillow.fromarray(image).save(place / name)
    (place / "text.jpg").write_text("no picture")
    frames = [Pillow.fromarray(picture(k)) for k in (1, 2, 3)]
    frames[0].save(place / "moving.gif", save_all=True, append_images=frames[1:])
    deep = Pillow.fromarray(np.asarray(Pillow.fromarray(a).convert("L"), np.uint16) * 257)
    deep.save(place / "deep.png")
    return place


@pytest.mark.parametrize(
    ("b", "likeness", "code"),
    [
        ("a.png", "same_picture", 0),
        ("again.png", "same_picture", 0),
        ("moving.gif", "same_picture", 0),
        ("deep.png", "same_picture", 0),
        ("part.png", "near_duplicate", 0),
        ("rings.png", "different", 1),
        ("other.png", "look_alike", 1),  # painted by the same hand
        ("blank.png", "not_comparable", 4),
        ("one.png", "not_comparable", 4),
        ("strip.png", "not_comparable", 4),
        ("text.jpg", "not_comparable", 4),
        ("missing.png", "not_comparable", 4),
        (".", "not_comparable", 4),
    ],
)
def test_the_command_decides(
    folder: Path, capsys: pytest.CaptureFixture[str], b: str, likeness: str, code: int
) -> None:
    assert main(["similar", str(folder / "a.png"), str(folder / b), "--json"]) == code
    told = json.loads(capsys.readouterr().out)
    assert told["likeness"] == likeness
    assert told["reason"]


def test_a_plain_picture_is_not_even_itself(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank = str(folder / "blank.png")
    assert main(["similar", blank, blank]) == 4
    assert capsys.readouterr().out.startswith("NOT COMPARABLE: nothing in it to compare")


def test_each_sense_has_its_number_and_its_meaning(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["similar", str(folder / "a.png"), str(folder / "part.png")]) == 0
    told = capsys.readouterr().out
    assert told.startswith("NEAR-DUPLICATE")
    assert re.search(r"^hashes +\d+ of 256 bits differ: not the same picture$", told, re.M)
    assert re.search(r"^regions +\d+ features agree", told, re.M)
    assert re.search(r"^features +0\.\d+ apart", told, re.M)
    assert "face network" in told


@pytest.mark.parametrize("suffix", [".html", ".png"])
@pytest.mark.parametrize("b", ["part.png", "other.png", "blank.png"])
def test_reports(folder: Path, tmp_path: Path, suffix: str, b: str) -> None:
    place = tmp_path / f"why{suffix}"
    main(["similar", str(folder / "a.png"), str(folder / b), "--report", str(place)])
    if suffix == ".png":
        with Pillow.open(place) as page:
            assert page.size[0] == 1200
    else:
        text = place.read_text("utf-8")
        assert "data:image/jpeg;base64," in text
        assert not re.search(r'(src|href)="(?!data:)', text)
        assert ("Green" in text) is (b == "part.png")


def test_the_report_outlines_the_region_and_no_more(folder: Path) -> None:
    result = renzheng.similarity(folder / "a.png", folder / "part.png", features=None)
    drawn = report.joined(result)
    green = (np.abs(drawn.astype(int) - (64, 224, 150)) < 30).all(axis=2)
    assert green.sum() > 500
    nothing = renzheng.similarity(folder / "a.png", folder / "other.png", features=None)
    plain = report.joined(nothing)
    assert (np.abs(plain.astype(int) - (64, 224, 150)) < 12).all(axis=2).sum() < green.sum() / 4


def test_a_report_never_overwrites_a_picture(folder: Path) -> None:
    a = folder / "a.png"
    before = a.read_bytes()
    assert main(["similar", str(a), str(folder / "other.png"), "--report", str(a)]) == 2
    assert main(["similar", str(a), str(a), "--report", str(folder / "why.txt")]) == 2
    assert a.read_bytes() == before


def test_features_of_ones_own(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, pack = network(tmp_path / "small.onnx"), tmp_path / "pack"
    command = ["packs", "features", str(model), "-o", str(pack), "--mean", "0", "--scale", "0.004"]
    assert main(command) == 0
    assert "12 features of 32 px" in capsys.readouterr().out
    two = [str(folder / "a.png"), str(folder / "other.png")]
    assert main(["similar", *two, "--features", str(pack)]) == 1
    told = capsys.readouterr().out
    assert told.count("no threshold is measured for this pack") == 2
    assert main(["similar", *two, "--features", str(pack), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["features"]["look_alike"] is None
    # A second pack in its place, or of rubbish, is refused and nothing is lost.
    assert main(command) == 5
    assert main(["packs", "features", str(folder / "text.jpg"), "-o", str(tmp_path / "no")]) == 5
    assert "not an ONNX network" in capsys.readouterr().err
    assert main(["similar", *two, "--features", "dlib-resnet"]) == 5
    assert "not features" in capsys.readouterr().err


def test_a_measured_threshold_decides(folder: Path, tmp_path: Path) -> None:
    from renzheng.models.converters import features

    model = network(tmp_path / "small.onnx")
    two = folder / "a.png", folder / "other.png"
    for threshold, likeness in ((1.9, Likeness.LOOK_ALIKE), (1e-6, Likeness.DIFFERENT)):
        pack = features.add(model, tmp_path / str(threshold), threshold=threshold)
        assert renzheng.similarity(*two, features=Features(pack)).likeness is likeness


def test_exchanging_the_two_changes_no_number(folder: Path) -> None:
    for b in ("part.png", "again.png", "other.png"):
        forth = renzheng.similarity(folder / "a.png", folder / b)
        back = renzheng.similarity(folder / b, folder / "a.png")
        assert (forth.likeness, forth.reason) == (back.likeness, back.reason)
        assert forth.hashes == back.hashes
        assert forth.features is not None
        assert back.features is not None
        assert forth.features.distance == pytest.approx(back.features.distance, abs=1e-6)


def test_from_python(folder: Path) -> None:
    result = renzheng.similarity(picture(1), folder / "again.png", features=None)
    assert result.likeness is Likeness.SAME_PICTURE
    assert result.features is None
    assert isinstance(result, renzheng.PictureSimilarity)
    json.dumps(result.to_dict())
    with pytest.raises(UnreadableImage):
        renzheng.similarity(folder / "text.jpg", folder / "a.png")
    with pytest.raises(InvalidInput):
        renzheng.similarity(3, folder / "a.png")


def test_two_cards_of_one_layout_are_no_one_picture() -> None:
    from renzheng.datasets import specimens

    for layout in ("id1-right", "passport"):
        cards = [
            specimens.draw(picture(seed, 360, 450), layout=layout, seed=seed, dpi=150).image
            for seed in (1, 2)
        ]
        result = renzheng.similarity(*cards, features=None)
        assert result.likeness is Likeness.NEAR_DUPLICATE
        assert result.changes is not None
        assert result.changes.agreement < 0.9
        again = renzheng.similarity(cards[0], coded(cards[0][20:-20, 30:], 60), features=None)
        assert again.likeness is Likeness.SAME_PICTURE


def test_comparing_needs_neither_onnx_nor_torch(folder: Path) -> None:
    Features()  # build it, for which onnx is wanted
    code = (
        "import sys, renzheng\n"
        "assert not {'numpy', 'cv2', 'imagehash'} & set(sys.modules)\n"
        "renzheng.similarity(sys.argv[1], sys.argv[2])\n"
        "print(sorted({'onnx', 'torch', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "a.png"), str(folder / "other.png")],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr
