"""`renzheng quality`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageFilter

from renzheng.faces.quality import MEASURES, MINIMA


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", "quality", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """portrait.png, blurred 人.png, blank.png, text.jpg."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    folder = tmp_path_factory.mktemp("pictures")
    portrait = Pillow.fromarray(np.asarray(data.astronaut())).crop((80, 0, 400, 320))
    portrait.save(folder / "portrait.png")
    portrait.filter(ImageFilter.GaussianBlur(2.5)).save(folder / "blurred 人.png")
    Pillow.new("RGB", (300, 200), "grey").save(folder / "blank.png")
    (folder / "text.jpg").write_text("no picture")
    return folder


def test_a_good_picture_reaches_every_minimum(pictures: Path) -> None:
    done = run(pictures / "portrait.png")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"{pictures / 'portrait.png'}:"
    for name in MEASURES:
        assert any(line.split()[0] == name for line in lines[2:-1])
    assert lines[-1].strip() == "every component reaches the minimum of a live capture"
    assert " !" not in done.stdout
    (row,) = (line for line in lines if line.split()[0] == "inter_eye_distance")
    assert "px" in row
    assert row.split()[-1] == str(MINIMA["live"]["inter_eye_distance"])


@pytest.mark.parametrize("role", ["live", "document"])
def test_the_weakest_is_named_with_the_remedy_of_its_role(pictures: Path, role: str) -> None:
    done = run(pictures / "blurred 人.png", "--role", role)
    assert done.returncode == 0, done.stderr
    assert "blurred 人.png:" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert "weakest: sharpness" in last
    entry = MEASURES["sharpness"]
    assert (entry.live_remedy in last) == (role == "live")
    assert (entry.document_remedy in last) == (role == "document")


def test_json_is_one_document_and_bad_pictures_do_not_stop_it(pictures: Path) -> None:
    names = ("text.jpg", "portrait.png", "missing.jpg", "blank.png", "blurred 人.png")
    done = run(*(pictures / name for name in names), "--json")
    assert done.returncode == 4
    results = json.loads(done.stdout)
    assert [Path(result["source"]).name for result in results] == list(names)
    for result in results:
        measured = result["source"].endswith(("portrait.png", "人.png"))
        assert (result["error"] is None) == measured
        if measured:
            assert list(result["quality"]) == list(MEASURES)
            assert set(result["quality"]["sharpness"]) == {"value", "component"}
        else:
            assert result["quality"] is None
    assert results[1]["remedies"] == {}
    assert results[4]["remedies"] == {
        name: MEASURES[name].live_remedy for name in ("sharpness", "effective_resolution")
    }
    for problem in ("text.jpg", "missing.jpg", "no face"):
        assert problem in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["--role", "passport", "a.png"], ["a.png", "--threads", "0"], ["a.png", "--min"]],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
