"""``renzheng evaluate liveness`` as a user runs it, with a network that tells bright from dark."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

import made_up

TABLE = (
    "picture;type;camera",
    "bright.png;bona_fide;desk",
    "brighter.png;Live;phone",
    "dark.png;bona fide;phone",  # a live face taken for an attack
    "darker.png;print;desk",
    "darkest.png;Print;phone",
    "shown.png;screen;desk",  # an attack that passes
    "black.png;screen;desk",  # shows no face
    "none.png;screen;desk",
    "bright.png;screen;desk",
    "again.png;;desk",
    "broken.png;bona_fide;phone",
)
# Shares of the portrait's brightness, around which the made-up network decides.
PICTURES = {
    "bright": 1.0, "brighter": 1.1, "dark": 0.55, "darker": 0.5, "darkest": 0.45, "shown": 1.05,
    "black": 0.0, "again": 1.0,
}  # fmt: skip


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", "evaluate", "liveness", *map(str, arguments)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures, ``t.csv`` and the pack ``bright``."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    place = tmp_path_factory.mktemp("presentations")
    portrait = data.astronaut().astype(np.float64)
    for name, light in PICTURES.items():
        pixels = np.clip(portrait * light, 0, 255).astype(np.uint8)
        Pillow.fromarray(pixels).save(place / f"{name}.png")
    (place / "broken.png").write_bytes(b"no picture")
    (place / "t.csv").write_text("\n".join(TABLE), encoding="utf-8")
    made_up.liveness_pack(place / "bright")
    return place


def test_rates_non_responses_and_groups_are_those_counted_by_hand(folder: Path) -> None:
    done = run(folder / "t.csv", "--pack", folder / "bright", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)

    def counts(rates: dict) -> tuple[int, int]:
        return rates["count"], rates["of"]

    assert found["threshold"] == 0.5
    assert {k: counts(v) for k, v in found["apcer"].items()} == {"print": (0, 2), "screen": (1, 1)}
    assert found["highest_apcer"]["type"] == "screen"
    assert counts(found["bpcer"]) == (1, 3)
    assert {k: counts(v) for k, v in found["non_response"].items()} == {
        "bona_fide": (1, 4),
        "print": (0, 2),
        "screen": (1, 2),
    }
    by_camera = {group["value"]: group for group in found["groups"]}
    assert {group["column"] for group in found["groups"]} == {"camera"}
    assert counts(by_camera["desk"]["bpcer"]) == (0, 1)
    assert counts(by_camera["phone"]["bpcer"]) == (1, 2)
    assert list(by_camera["phone"]["apcer"]) == ["print"]
    assert counts(by_camera["desk"]["non_response"]) == (1, 4)
    points = {point["name"]: point for point in found["operating_points"]}
    # No screen may pass, so the live face that is less bright than the screen is kept out too.
    assert counts(points["BPCER20"]["bpcer"]) == (2, 3)
    assert points["BPCER20"]["too_few_presentations"] == ["print", "screen"]
    assert found["rejected"] == 3
    told = {problem["where"]: problem["reason"] for problem in found["problems"]}
    assert "no file" in told["t.csv row 9"]
    assert "listed before" in told["t.csv row 10"]
    assert "type is missing" in told["t.csv row 11"]
    assert "no face" in told["t.csv row 8, black.png"]
    assert "t.csv row 12, broken.png" in told
    assert found["provenance"]["pack"]["name"] == "bright"


def test_words_and_a_page_that_loads_nothing(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = run(folder / "t.csv", "--liveness", folder / "bright", "--report", page)
    assert done.returncode == 0, done.stderr
    html = page.read_text(encoding="utf-8")
    for phrase in ("APCER, print", "highest APCER", "BPCER20", "By camera", "1 of 3", "row 9"):
        assert phrase in done.stdout, phrase
        assert phrase in html, phrase
    assert "limit: It is made up." in done.stdout
    assert "It is made up." in html
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:|#)", html)
    assert "data:image" not in html
    assert html.endswith("</html>\n")
    assert json.loads(page.with_suffix(".json").read_text())["bpcer"]["of"] == 3


def test_attacks_alone_have_an_apcer(folder: Path, table: Callable[..., Path]) -> None:
    path = table("picture,type", "darker.png,mask", "black.png,print")
    done = run(path, "--root", folder, "--pack", folder / "bright", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["bpcer"] is None
    assert found["operating_points"] == []
    assert list(found["apcer"]) == ["mask"]
    words = run(path, "--root", folder, "--pack", folder / "bright").stdout
    assert re.search(r"APCER, print\s+-\s+1 of 1", words)
    assert "BPCER20" not in words


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["nowhere.csv"], 2, "cannot be read"),
        (["{folder}/t.csv", "--root", "/nowhere"], 2, "no picture can be used"),
        (["{folder}/t.csv", "--threads", "0"], 2, "--threads"),
        (["{folder}/t.csv", "--min-face-size", "3"], 2, "min_face_size"),
        (["{folder}/t.csv", "--report", "x.pdf"], 2, "name it .html"),
        (["{folder}/t.csv", "--pack", "mtcnn"], 5, "of kind detector, not liveness"),
        (["{folder}/t.csv", "--pack", "nope"], 5, "unknown pack"),
        (["{folder}/no-face.csv"], 5, "none of the 1 pictures gives a score"),
        (["{folder}/columns.csv"], 2, "lacks the column(s) type"),
    ],
)
def test_bad_input_is_an_error_in_words(
    folder: Path, arguments: list[str], code: int, reason: str
) -> None:
    (folder / "no-face.csv").write_text("picture,type\nblack.png,print\n")
    (folder / "columns.csv").write_text("picture,kind\nblack.png,print\n")
    if "--pack" not in arguments:
        arguments = [*arguments, "--pack", "{folder}/bright"]
    done = run(*(word.format(folder=folder) for word in arguments))
    assert done.returncode == code, done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_default_pack_it_says_how_to_have_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path))
    done = run(folder / "t.csv")
    assert done.returncode == 5
    assert "renzheng packs add minifasnet" in done.stderr
