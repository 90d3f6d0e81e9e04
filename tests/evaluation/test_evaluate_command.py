"""``renzheng evaluate`` and ``renzheng calibrate`` as a user runs them, on made-up crops."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Pillow

from renzheng.models import packs

ALIGNED = ("--aligned", "dlib-150", "--draws", "40", "--workers", "1")


def run(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", *map(str, arguments)],
        capture_output=True, text=True, timeout=240, check=False, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache") / "embeddings"


def test_everyone_against_everyone(crops: Path, cache: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = run("evaluate", "people", crops, *ALIGNED, "--cache", cache, "--report", page)
    assert done.returncode == 0, done.stderr
    for phrase in ("equal error rate", "120 of 40 people", "7020", "reaches down to", "limit:"):
        assert phrase in done.stdout
    html, data = page.read_text(), json.loads(page.with_suffix(".json").read_text())
    assert data["comparisons"] == {
        "genuine": 120, "impostor": 7020, "genuine_lost": 0, "impostor_lost": 0,
    }  # fmt: skip
    assert data["people_pairs"] == 780
    assert data["provenance"]["pack"]["name"] == packs.DEFAULT_EMBEDDER
    # One page: nothing is fetched, and no picture is in it unless asked for.
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:|#)", html)
    assert "data:image" not in html
    assert "person 00" not in html
    assert html.count("<svg") >= 3
    assert "evaluate people" in html  # the command that made it


def test_the_worst_are_shown_only_when_asked_for(crops: Path, cache: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = run(
        "evaluate", "people", crops, *ALIGNED, "--cache", cache, "--report", page, "--show-faces"
    )
    assert done.returncode == 0, done.stderr
    assert page.read_text().count("data:image/jpeg") == 32


def test_json_is_one_document_and_templates_take_pictures(crops: Path, cache: Path) -> None:
    done = run("evaluate", "people", crops, *ALIGNED, "--cache", cache, "--enrol", 2, "--json")
    data = json.loads(done.stdout)
    assert data["comparisons"]["genuine"] == 40
    assert data["comparisons"]["impostor"] == 40 * 39
    assert data["equal_error_rate"]["low"] <= data["equal_error_rate"]["value"]


def test_a_table_with_bad_rows_goes_on_and_counts_them(few_crops: Path, table: Callable) -> None:
    (few_crops / "bad.png").write_bytes(b"nothing")
    path = table(
        "reference,probe,label,site",
        "person 00/0.png,person 00/1.png,1,a",
        "person 01/0.png,person 01/1.png,1,b",
        "person 00/0.png,person 01/0.png,0,a",
        "person 01/0.png,person 02/0.png,0,b",
        "person 00/0.png,gone.png,1,a",
        "person 00/0.png,bad.png,0,a",
        "person 00/0.png,person 00/0.png,1,a",
        "person 02/1.png,person 02/0.png,perhaps,a",
    )
    done = run("evaluate", "pairs", path, "--root", few_crops, *ALIGNED, "--no-cache")
    assert done.returncode == 0, done.stderr
    for phrase in (
        "row 6", "gone.png", "row 7", "bad.png", "row 8", "same file", "row 9", "'perhaps'",
        "1 lost to a failure to acquire", "By site",
    ):  # fmt: skip
        assert phrase in done.stdout, phrase
    assert "Traceback" not in done.stderr


def test_an_insightface_set(crops: Path, tmp_path: Path) -> None:
    codes, labels = [], []
    for k in range(24):
        other = f"person {k if k % 2 else k + 1:02d}/1.png"
        for name in (f"person {k:02d}/0.png", other):
            code = io.BytesIO()
            Pillow.open(crops / name).resize((112, 112)).save(code, "PNG")
            codes.append(code.getvalue())
        labels.append(bool(k % 2))
    path = tmp_path / "made_up.bin"
    path.write_bytes(pickle.dumps((codes, labels)))
    done = run("evaluate", "bin", path, "--no-cache", "--draws", 20, "--workers", 1)
    assert done.returncode == 0, done.stderr
    assert "accuracy over 10 folds" in done.stdout


def test_identification(crops: Path, cache: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = run(
        "evaluate", "identification", crops, *ALIGNED, "--cache", cache, "--report", page,
        "--max-fpir", "0.5,0.1,0.0001",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for phrase in ("leave-one-out", "disjoint", "80 for 40 people", "rank", "limit:"):
        assert phrase in done.stdout
    html, data = page.read_text(), json.loads(page.with_suffix(".json").read_text())
    assert data["leave-one-out"]["enrolled"] == 40
    assert data["leave-one-out"]["mated_searches"]["count"] == 80
    assert data["disjoint"]["enrolled"] == 20
    assert data["disjoint"]["nonmated_searches"] == {
        "count": 60, "people": 20, "failed_to_acquire": 0,
    }  # fmt: skip
    points = data["leave-one-out"]["operating_points"]
    assert [p["max_fpir"] for p in points] == [0.5, 0.1]  # 80 searches do not reach 0.0001
    assert len(data["leave-one-out"]["identification_rates"]) == 40
    assert {p["enrolled"] for p in data["promised_by_size"]} == {40}
    assert html.count("<svg") == 3
    assert "data:image" not in html
    assert "person 00" not in html
    assert "evaluate identification" in html


def test_identification_of_the_people_that_calibrate_holds_out(crops: Path, cache: Path) -> None:
    done = run(
        "evaluate", "identification", crops, *ALIGNED, "--cache", cache, "--held-out", 0.5,
        "--references", "random", "--rank", 0, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["people"] == data["leave-one-out"]["enrolled"] == 20
    assert data["leave-one-out"]["rank"] is None
    assert data["references"] == "random"
    assert "held out" in data["protocol"]


def test_identification_counts_who_cannot_be_enrolled(few_crops: Path, table: Callable) -> None:
    (few_crops / "bad.png").write_bytes(b"nothing")
    rows = [f"person {k:02d}/{n}.png,{k}" for k in range(3) for n in range(2)]
    path = table("picture,person", "bad.png,3", *rows, "person 00/gone.png,0", name="people.csv")
    done = run(
        "evaluate", "identification", path, "--root", few_crops, *ALIGNED, "--no-cache", "--json"
    )
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["leave-one-out"]["enrolled"] == 3
    assert data["leave-one-out"]["failed_to_enrol"] == 1
    assert data["rejected"] == 1
    # Half of them leaves one person with a face to search among: said, and the rest is measured.
    assert [p["where"] for p in data["problems"]] == [
        "people.csv row 9", "bad.png", "disjoint searches",
    ]  # fmt: skip
    assert "disjoint" not in data


def test_calibrate_writes_a_pack_that_verify_uses(crops: Path, cache: Path, tmp_path: Path) -> None:
    pack = tmp_path / "mine"
    done = run("calibrate", "--people", crops, *ALIGNED, "--cache", cache, "-o", pack)
    assert done.returncode == 0, done.stderr
    for phrase in ("the people held out", "Cllr", "reaches down to FMR", f"--pack {pack}"):
        assert phrase in done.stdout
    shown = run("packs", "show", pack)
    assert "+calibrated" in shown.stdout
    written = json.loads((pack / "calibration.json").read_text())
    assert written["provenance"]["people"] == 20
    assert "50%" in written["provenance"]["held_out"]
    assert written["provenance"]["provider"] == "CPUExecutionProvider"
    assert written["provenance"]["backend"].startswith("onnxruntime ")
    picture = crops / "person 00" / "0.png"
    portrait = pytest.importorskip("skimage.data").astronaut()
    Pillow.fromarray(portrait).save(tmp_path / "portrait.png")
    used = run(
        "verify", tmp_path / "portrait.png", tmp_path / "portrait.png", "--pack", pack, "--json",
        "--max-fmr", 0.2, "--allow-same-picture",
    )  # fmt: skip
    result = json.loads(used.stdout)
    assert result["decision"] == "match"
    # The command that was printed works as it stands, with pictures in place of its two words.
    [line] = [line for line in done.stdout.splitlines() if line.startswith("use it: renzheng ")]
    words = shlex.split(line.removeprefix("use it: renzheng "))
    assert words[-2:] == ["ID_PHOTO", "LIVE_PHOTO"]
    assert "--max-fmr" in words  # 20 people do not reach down to verify's own 1e-4
    told = run(*words[:-2], tmp_path / "portrait.png", tmp_path / "portrait.png", "--json")
    assert told.returncode in (0, 1, 3), told.stderr
    assert "For 1e-4, which verify asks for" in done.stdout
    assert result["fmr"]["value"] == pytest.approx(written["resolution"])
    assert result["llr"] == pytest.approx(written["llr"][0], abs=0.01)
    again = run("calibrate", "--people", crops, "-o", pack)
    assert again.returncode == 5
    assert "the path exists already" in again.stderr
    assert picture.is_file()


def test_calibrate_crosses_pairs_of_documents_and_live_pictures(
    crops: Path, cache: Path, tmp_path: Path, table: Callable
) -> None:
    rows = [f"person {k:02d}/0.png,person {k:02d}/1.png,1" for k in range(40)]
    path = table("reference,probe,label", *rows)
    done = run(
        "calibrate", "--pairs", path, "--root", crops, "--cross", "--hold-out", 0, *ALIGNED,
        "--cache", cache, "-o", tmp_path / "mine", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "mine" / "calibration.json").read_text())
    assert written["provenance"]["impostor_comparisons"] == 40 * 39
    assert json.loads(done.stdout)["calibration"]["resolution"] == written["resolution"]


def test_documents_by_channel(few_crops: Path) -> None:
    done = run(
        "evaluate", "documents", few_crops, *ALIGNED, "--no-cache", "--channels", "none,chip"
    )
    # The patterns show no face that could be found again on a document: that is said, not hidden.
    assert done.returncode == 5
    assert "none of the 3 pictures gives an embedding" in done.stderr
    assert "Traceback" not in done.stderr
    listed = run("evaluate", "channels", "--json")
    assert set(json.loads(listed.stdout)) >= {"chip", "printed-scanned", "photocopy"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["evaluate"], "PROTOCOL"),
        (["evaluate", "lfw", "--data", "nowhere"], "no folder of pictures"),
        (["evaluate", "people", "nowhere"], "nowhere"),
        (["evaluate", "pairs", "nowhere.csv"], "cannot be read"),
        (["evaluate", "bin", "nowhere.bin"], "cannot be read"),
        (["evaluate", "people", ".", "--draws", "-1"], "--draws"),
        (["evaluate", "people", ".", "--workers", "0"], "--workers"),
        (["evaluate", "people", ".", "--max-fmr", "7"], "--max-fmr"),
        (["evaluate", "people", ".", "--report", "x.pdf"], "name it .html"),
        (["evaluate", "people", ".", "--report", "no/x.html"], "no such folder"),
        (["evaluate", "identification", "nowhere"], "nowhere"),
        (["evaluate", "identification", ".", "--max-fpir", "2"], "between 0 and 1"),
        (["evaluate", "identification", ".", "--max-fpir", "a"], "not rates separated by commas"),
        (["evaluate", "identification", ".", "--rank", "-1"], "1 or more"),
        (["evaluate", "identification", ".", "--held-out", "1"], "between 0 and 1"),
        (["evaluate", "identification", ".", "--references", "best"], "invalid choice"),
        (["evaluate", "documents", ".", "--channels", "fax"], "there are: none, chip"),
        (["evaluate", "people", ".", "--aligned", "arc"], "use one of arcface-112"),
        (["calibrate", "-o", "mine"], "required"),
        (["calibrate", "--people", ".", "-o", "mine", "--hold-out", "1"], "below 1"),
    ],
)
def test_wrong_usage_says_what_is_wrong(crops: Path, arguments: list[str], reason: str) -> None:
    done = run(*arguments, cwd=crops)
    assert done.returncode == 2, done.stdout
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_too_few_people_cannot_be_calibrated_on(few_crops: Path, tmp_path: Path) -> None:
    done = run("calibrate", "--people", few_crops, *ALIGNED, "--no-cache", "-o", tmp_path / "mine")
    assert done.returncode == 2
    assert "too few" in done.stderr
    assert not (tmp_path / "mine").exists()


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_an_interrupted_run_goes_on_where_it_stopped(crops: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    arguments = ["evaluate", "people", str(crops), *ALIGNED, "--cache", str(cache), "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "renzheng", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    import sqlite3

    def kept() -> int:
        if not cache.is_file():
            return 0
        with sqlite3.connect(cache) as base:
            try:
                return int(base.execute("SELECT count(*) FROM embeddings").fetchone()[0])
            except sqlite3.OperationalError:
                return 0

    while kept() == 0 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    if process.returncode == 130:  # it may have been done before the signal came
        assert "continues from here" in told
    assert "Traceback" not in told
    assert kept() >= 16
    done = run(*arguments)
    assert json.loads(done.stdout)["comparisons"]["genuine"] == 120
