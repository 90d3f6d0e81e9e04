"""The installed command, as a user runs it."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from renzheng.apps.cli import verifiers


def run(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "renzheng", *map(str, arguments)],
        capture_output=True, text=True, timeout=120, cwd=cwd, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """portrait.png, again.jpg (the same, degraded), blank.png, text.jpg, 人 证.png."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    folder = tmp_path_factory.mktemp("pictures")
    portrait = Pillow.fromarray(data.astronaut())
    portrait.save(folder / "portrait.png")
    portrait.save(folder / "人 证.png")
    portrait.resize((380, 380)).save(folder / "again.jpg", quality=50)
    Pillow.new("RGB", (300, 200), "grey").save(folder / "blank.png")
    (folder / "text.jpg").write_text("no picture")
    return folder


def test_verify_says_match_in_words(pictures: Path) -> None:
    done = run("verify", pictures / "人 证.png", pictures / "again.jpg", "--roles", "photo,photo")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("MATCH")
    for word in ("distance", "similarity", "fmr", "policy", "pack", "人 证.png"):
        assert word in done.stdout


def test_the_documents_own_portrait_is_no_live_picture(pictures: Path) -> None:
    both = (pictures / "portrait.png", pictures / "again.jpg")
    done = run("verify", *both, "--json")
    assert done.returncode == 3
    result = json.loads(done.stdout)
    assert result["decision"] == "inconclusive"
    assert result["same_picture"]["same"]
    assert [w["effect"] for w in result["warnings"] if w["code"] == "same_picture"] == ["doubt"]
    done = run("verify", *both, "--allow-same-picture")
    assert done.returncode == 0
    assert "warning     probe: it is the very photograph" in done.stdout


def test_a_demand_on_quality_names_the_measure_and_the_remedy(pictures: Path) -> None:
    done = run(
        "verify", pictures / "portrait.png", pictures / "again.jpg",
        "--min-quality", "live.sharpness=99", "--min-quality", "document.inter_eye_distance=2",
    )  # fmt: skip
    assert done.returncode == 4
    assert done.stdout.startswith("NOT COMPARABLE: probe: the face is blurred (")
    assert "99 wanted" in done.stdout


def test_portrait_cuts_the_main_portrait_out_of_a_turned_card(
    pictures: Path, tmp_path: Path
) -> None:
    card, out = tmp_path / "card.png", tmp_path / "portrait.png"
    done = run(
        "specimen", pictures / "portrait.png", "-o", card, "--layout", "id1-left",
        "--capture", "scan-200", "--turn", 90, "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    truth = json.loads(done.stdout)
    done = run("portrait", card, "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["preparation"]["turns"] == 3
    assert found["faces"][0]["part"] == "chosen"
    back = np.linalg.inv(np.array(found["preparation"]["matrix"]))
    x, y, w = back @ [*np.mean(found["face"]["landmarks"], axis=0), 1]
    low, high = np.min(truth["portrait"], axis=0), np.max(truth["portrait"], axis=0)
    assert (low < (x / w, y / w)).all()
    assert ((x / w, y / w) < high).all()
    with Pillow.open(out) as picture:
        assert picture.height / picture.width == pytest.approx(45 / 35, abs=0.02)
    assert run("verify", out, pictures / "again.jpg", "--allow-same-picture").returncode == 0


def test_portrait_says_why_there_is_none(pictures: Path, tmp_path: Path) -> None:
    for name, reason in (("blank.png", "no face"), ("text.jpg", "text"), ("gone.jpg", "no such")):
        done = run("portrait", pictures / name, "-o", tmp_path / "none.png")
        assert done.returncode == 4
        assert reason in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "none.png").exists()


def test_verify_json_is_one_document(pictures: Path) -> None:
    both = (pictures / "portrait.png", pictures / "again.jpg")
    done = run("verify", *both, "--roles", "photo, photo", "--json")
    result = json.loads(done.stdout)
    assert result["decision"] == "match"
    assert 0 < result["distance"] < 0.6
    assert result["reference"]["source"].endswith("portrait.png")


@pytest.mark.parametrize(
    ("probe", "reason"),
    [("blank.png", "no face"), ("text.jpg", "text.jpg"), ("missing.jpg", "missing.jpg")],
)
def test_what_cannot_be_compared_exits_with_4(pictures: Path, probe: str, reason: str) -> None:
    done = run("verify", pictures / "portrait.png", pictures / probe)
    assert done.returncode == 4
    assert done.stdout.startswith("NOT COMPARABLE")
    assert reason in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["verify", "one.jpg"],
        ["verify", "a.jpg", "b.jpg", "--max-fmr", "2"],
        ["verify", "a.jpg", "b.jpg", "--max-fmr", "often"],
        ["verify", "a.jpg", "b.jpg", "--max-fmr", "1e-12"],
        ["verify", "a.jpg", "b.jpg", "--report", "report.docx"],
        ["verify", "a.jpg", "b.jpg", "--threads", "0"],
        ["verify", "a.jpg", "b.jpg", "--roles", "document"],
        ["verify", "a.jpg", "b.jpg", "--roles", "document,twin"],
        ["verify", "a.jpg", "b.jpg", "--min-quality", "live.sharpness"],
        ["verify", "a.jpg", "b.jpg", "--min-quality", "live.beauty=3"],
        ["verify", "a.jpg", "b.jpg", "--min-quality", "photo.sharpness=3"],
        ["verify", "a.jpg", "b.jpg", "--min-liveness", "7"],
        ["portrait", "a.jpg", "-o", "portrait.jpg"],
        ["portrait", "a.jpg", "-o", "portrait.png", "--height", "5"],
        ["verify", "a.jpg", "b.jpg", "--min-face-size", "-3"],
        ["embed", "a.jpg", "-o", "embedding.pkl"],
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "wrong",
    [("--max-fmr", "2"), ("--min-quality", "live.beauty=3"), ("--roles", "a"),
     ("--backend", "abacus"), ("--threads", "0")],
)  # fmt: skip
def test_wrong_usage_is_told_before_a_pack_is_built(
    wrong: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENZHENG_CACHE", str(tmp_path / "cache"))
    done = run("verify", "a.jpg", "b.jpg", "--pack", "unknown", *wrong)
    assert done.returncode == 2
    assert "building" not in done.stderr
    assert not (tmp_path / "cache").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_an_interrupt_waits_until_a_library_is_imported() -> None:
    steps = []

    def importing() -> None:
        with verifiers._uninterrupted():
            signal.raise_signal(signal.SIGINT)
            steps.append("imported")

    with pytest.raises(KeyboardInterrupt):
        importing()
    assert steps == ["imported"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with verifiers._uninterrupted():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_report_is_written(pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    done = run("verify", pictures / "portrait.png", pictures / "again.jpg", "--report", path)
    assert done.returncode == 3, done.stderr
    assert path.stat().st_size > 10_000


def test_an_unwritable_report_is_an_error_in_words(pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "report.html"
    done = run("verify", pictures / "portrait.png", pictures / "again.jpg", "--report", path)
    assert done.returncode == 5
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


def test_detect_prints_faces_and_goes_on_after_a_bad_picture(pictures: Path) -> None:
    done = run("detect", "--json", pictures / "text.jpg", pictures / "portrait.png")
    assert done.returncode == 4
    bad, good = json.loads(done.stdout)
    assert "text.jpg" in bad["error"]
    assert len(good["faces"]) == 1
    x1, y1, x2, y2 = good["faces"][0]["box"]
    assert 150 < x1 < x2 < 300
    assert 40 < y1 < y2 < 220


def test_align_writes_the_crop(pictures: Path, tmp_path: Path) -> None:
    done = run("align", pictures / "portrait.png", "-o", tmp_path / "crop.png")
    assert done.returncode == 0, done.stderr
    with Pillow.open(tmp_path / "crop.png") as crop:
        assert crop.size == (112, 112)
    assert run("align", pictures / "blank.png", "-o", tmp_path / "none.png").returncode == 4
    assert not (tmp_path / "none.png").exists()


def test_embeddings_agree_in_both_formats(pictures: Path, tmp_path: Path) -> None:
    names = [str(pictures / name) for name in ("portrait.png", "blank.png", "again.jpg")]
    assert run("embed", *names, "-o", tmp_path / "e.npy").returncode == 4
    assert run("embed", *names, "-o", tmp_path / "e.csv").returncode == 4
    rows = np.load(tmp_path / "e.npy")
    assert rows.shape == (3, 128)
    assert np.isnan(rows[1]).all()
    with (tmp_path / "e.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.reader(file))
    assert [row[0] for row in table] == [names[0], names[2]]
    np.testing.assert_array_equal(np.array([r[1:] for r in table], np.float32), rows[[0, 2]])


def test_packs_and_doctor() -> None:
    listing = json.loads(run("packs", "list", "--json").stdout)
    assert {row["name"]: row["licence"] for row in listing} == {
        "dlib-features": "CC0-1.0",
        "dlib-resnet": "CC0-1.0",
        "minifasnet": "Apache-2.0",
        "mtcnn": "MIT",
        "sface": "Apache-2.0",
        "yunet": "MIT",
    }
    shown = run("packs", "show", "dlib-resnet")
    assert "CC0" in shown.stdout
    assert "East Asian" in shown.stdout
    assert run("packs", "show", "nope").returncode == 5
    health = json.loads(run("doctor", "--json").stdout)
    assert health["healthy"] is True


def test_the_demo_matches_and_leaves_a_report(tmp_path: Path) -> None:
    pytest.importorskip("skimage", reason="the demo needs scikit-image")
    done = run("demo", "--out", tmp_path / "demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "demo" / "report.html").stat().st_size > 10_000


def test_comparing_imports_nothing_heavy(pictures: Path) -> None:
    code = (
        "import sys; from renzheng.apps.cli import main\n"
        f"main(['verify', {str(pictures / 'portrait.png')!r}, {str(pictures / 'again.jpg')!r}])\n"
        "heavy = {'torch', 'onnx', 'openvino', 'skimage', 'scipy', 'rich', 'lz4', 'joblib'}\n"
        "heavy |= {'urllib.request', 'http.client', 'ssl', 'jinja2'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_one_commands_parser_is_the_one_of_the_whole() -> None:
    from renzheng.apps import cli

    whole = cli.build_parser().format_help()
    for command in (name for names in cli._COMMANDS.values() for name in names):
        assert f"\n    {command}" in whole
        for parser in (cli.build_parser(command), cli.build_parser()):
            (commands,) = parser._subparsers._group_actions  # type: ignore[union-attr]
            assert command in commands.choices  # type: ignore[operator]
    assert cli.build_parser("no such command").format_help() == whole
