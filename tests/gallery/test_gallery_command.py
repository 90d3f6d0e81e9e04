"""``renzheng gallery`` as a user runs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from renzheng import InvalidInput, Verifier
from renzheng.apps.cli import main
from renzheng.gallery import Enrolment, Entry, Gallery, enrol
from renzheng.types import Role

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Done:
    """What a command ended with."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``renzheng gallery`` in this process, which spares the time of starting one."""

    def do(*words: object, key: str = "") -> Done:
        monkeypatch.setenv("RENZHENG_GALLERY_KEY", key)
        capsys.readouterr()
        code = main(["gallery", *map(str, words)])
        shown = capsys.readouterr()
        return Done(code, shown.out, shown.err)

    return do


def told(done: Done) -> Any:
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One person in three pictures of two folders, and files without a face."""
    data = pytest.importorskip("skimage.data", reason="needs scikit-image's public-domain portrait")
    folder = tmp_path_factory.mktemp("pictures")
    portrait = Pillow.fromarray(data.astronaut())
    for name in ("Eileen", "Nobody"):
        (folder / "people" / name).mkdir(parents=True)
    portrait.save(folder / "people" / "Eileen" / "1.png")
    portrait.resize((380, 380)).save(folder / "people" / "Eileen" / "2.jpg", quality=50)
    (folder / "people" / "Nobody" / "text.jpg").write_text("no picture")
    Pillow.new("RGB", (300, 200), "grey").save(folder / "people" / "Nobody" / "wall.png")
    portrait.resize((450, 450)).save(folder / "gate.jpg", quality=80)
    portrait.crop((189, 70, 259, 166)).save(folder / "tight.png")
    return folder


def test_from_an_empty_folder_to_an_answer_and_back(
    tmp_path: Path, pictures: Path, run: Run
) -> None:
    place = tmp_path / "members"
    assert run("create", place).returncode == 0
    done = run("add", place, pictures / "people", "--set", "country=CN", "--json")
    assert done.returncode == 4, done.stderr  # two files show no face: they are told, not hidden
    assert told(done)["enrolled"] == ["Eileen/1", "Eileen/2"]
    assert sorted(told(done)["failed"]) == ["Nobody/text", "Nobody/wall"]
    assert "Traceback" not in done.stderr

    again = subprocess.run(
        [sys.executable, "-m", "renzheng", "gallery", "add", place, pictures / "people"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert again.returncode == 4
    assert "0 enrolled, 2 there before, 2 failed; the gallery holds 2" in again.stdout

    done = run("search", place, pictures / "gate.jpg")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "identified" in done.stdout
    assert "Eileen (Eileen/1)" in done.stdout
    page = tmp_path / "who.html"
    assert run("search", place, pictures / "gate.jpg", "--report", page).returncode == 0
    text = page.read_text(encoding="utf-8")
    assert "<h1>Identified</h1>" in text
    assert text.count("data:image/jpeg") == 4  # the probe, its crop, and two entries' pictures
    assert "country: CN" in text
    assert "http" not in text.split("</style>")[1]
    done = run("search", place, pictures / "gate.jpg", "--where", "country=US", "--json")
    assert done.returncode == 1
    assert (told(done)["decision"], told(done)["searched"]) == ("not_identified", 0)
    assert run("search", place, pictures / "people" / "Nobody" / "text.jpg").returncode == 4

    done = run("list", place, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["person"] for line in lines} == {"Eileen"}
    assert all(len(line["picture"]) == 64 for line in lines)

    done = run("remove", place, "--where", "id=Eileen/2", "--dry-run")
    assert done.stdout.strip() == "Eileen/2"
    done = run("remove", place, "Eileen/2", "nobody")
    assert done.stdout.startswith("1 removed; the gallery")
    assert done.returncode == 4
    assert "nothing of removed ones" in run("purge", place).stdout
    assert "1 entries; every search compares them all" in run("optimize", place).stdout
    done = run("stats", place, "--json")
    assert (told(done)["entries"], told(done)["unpurged"]) == (1, False)


def test_check_export_and_import(tmp_path: Path, verifier: Verifier, run: Run) -> None:
    gallery = Gallery.create(tmp_path / "g", verifier)
    rows = np.eye(128, dtype=np.float32)
    gallery.add(Entry(f"e{k}", rows[k]) for k in range(50))
    assert run("check", tmp_path / "g").returncode == 0
    gallery.add([Entry("twin", rows[3])])
    done = run("check", tmp_path / "g", "--json")
    assert done.returncode == 1
    assert sorted(e["id"] for e in told(done)["pairs"][0]["entries"]) == ["e3", "twin"]

    page = tmp_path / "pairs.html"
    run("check", tmp_path / "g", "--report", page)
    assert "<h1>1 pair</h1>" in page.read_text(encoding="utf-8")
    assert "its picture is not known" in page.read_text(encoding="utf-8")

    done = run("key", tmp_path / "key")
    public = done.stdout.strip()
    assert public.startswith("age1")
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0
    assert run("key", tmp_path / "key").returncode == 2
    out = tmp_path / "out.age"
    assert "51 entries, encrypted" in run("export", tmp_path / "g", out, "--to", public).stdout
    assert run("export", tmp_path / "g", tmp_path / "plain").returncode == 2  # not by an oversight
    assert "NOT encrypted" in run("export", tmp_path / "g", tmp_path / "plain", "--plain").stdout
    assert run("create", tmp_path / "h").returncode == 0
    assert run("import", tmp_path / "h", out).returncode == 2
    secret = (tmp_path / "key").read_text().splitlines()[-1]
    done = run("import", tmp_path / "h", out, "--json", key=secret)
    assert told(done) == {"added": 51, "refused": [], "entries": 51}


@pytest.mark.parametrize(
    "words",
    [
        ("search", "{g}", "x.jpg", "--where", "nonsense"),
        ("search", "{g}", "x.jpg", "--max-fpir", "2"),
        ("search", "{g}", "x.jpg", "-k", "0"),
        ("search", "{none}", "x.jpg"),
        ("add", "{g}", "x.jpg", "--set", "nonsense"),
        ("add", "{g}", "x.jpg", "--set", "id=1"),
        ("add", "{g}", "{none}", "--id", ""),
        ("add", "{g}", "x.jpg", "y.jpg", "--id", "z"),
        ("add", "{g}", "x.jpg", "--workers", "0"),
        ("search", "{g}", "x.jpg", "--report", "{none}/x.html"),
        ("search", "{g}", "x.jpg", "--report", "x.pdf"),
        ("search", "{g}", "x.jpg", "y.jpg", "--report", "x.html"),
        ("remove", "{g}"),
        ("calibrate", "{g}"),
        ("export", "{g}", "{none}/x/y"),
        ("stats", "{g}", "--storage", "nonsense"),
    ],
)
def test_bad_words_are_told_in_a_line(
    tmp_path: Path, verifier: Verifier, words: tuple[str, ...], run: Run
) -> None:
    Gallery.create(tmp_path / "g", verifier)
    places = {"g": tmp_path / "g", "none": tmp_path / "none"}
    done = run(*(word.format(**places) for word in words))
    assert done.returncode in (2, 4, 5), done
    assert done.stderr.startswith("renzheng: ")
    assert len(done.stderr.splitlines()) == 1


def test_enrolling_refuses_what_its_rates_do_not_hold_for(gallery: Gallery, pictures: Path) -> None:
    with pytest.raises(InvalidInput, match="false match rate does not hold"):
        gallery.enrol(pictures / "tight.png", "tight")
    assert len(gallery) == 0
    entry = gallery.enrol(pictures / "tight.png", "tight", accept_doubtful=True)
    assert (entry.person, len(gallery)) == ("tight", 1)
    with pytest.raises(InvalidInput, match="already"):
        gallery.enrol(pictures / "gate.jpg", "tight")
    with pytest.raises(InvalidInput, match="no such file"):
        gallery.enrol(pictures / "none.jpg", "none")
    # A doubtful probe identifies nobody by itself either.
    found = gallery.search(pictures / "tight.png")
    assert (found.decision, found.candidates[0].distance) == ("inconclusive", 0)
    assert found.findings


def test_one_photograph_under_two_names_is_told(gallery: Gallery, pictures: Path) -> None:
    folder = pictures / "people" / "Eileen"
    gallery.enrol(folder / "1.png", "eileen")
    gallery.enrol(folder / "2.jpg", "somebody else")
    gallery.add([Entry("no picture", gallery.get("eileen").embedding)])  # type: ignore[union-attr]
    pairs, _ = gallery.check()
    same = {tuple(sorted(e.id for e in pair.entries)): pair.same_photo for pair in pairs}
    assert len(same) == 3
    found = same["eileen", "somebody else"]
    assert found is not None
    assert found.same
    assert same["eileen", "no picture"] is None


def test_one_process_or_several_give_the_same(
    tmp_path: Path, pictures: Path, verifier: Verifier
) -> None:
    names = ["people/Eileen/1.png", "people/Eileen/2.jpg", "people/Nobody/text.jpg", "gate.jpg"]
    wanted = [Enrolment(f"{k}", pictures / names[k % 4], person=f"P{k}") for k in range(60)]
    outcomes = {}
    for workers in (1, 2):
        gallery = Gallery.create(tmp_path / str(workers), verifier)
        outcomes[workers] = list(enrol(gallery, wanted, role=Role.PHOTO, workers=workers))
        assert len(gallery) == 45
    one, two = (
        [(o.id, o.reason, o.entry and o.entry.embedding.tobytes()) for o in outcomes[workers]]
        for workers in (1, 2)
    )
    assert one == two
    again = {outcome.id: outcome.known for outcome in enrol(gallery, wanted[:4])}
    assert again == {"0": True, "1": True, "2": False, "3": True}
    # An id that is there with another picture is no success, and one that comes twice is none.
    other = [Enrolment("0", pictures / "gate.jpg"), Enrolment("new", pictures / "gate.jpg")]
    other.append(Enrolment("new", pictures / "people" / "Eileen" / "1.png"))
    told = [(o.id, o.entry is not None, o.known, o.reason) for o in enrol(gallery, other)]
    assert ("new", True, False, "") in told
    assert sum("another picture" in reason for *_, reason in told) == 1
    assert sum("comes twice" in reason for *_, reason in told) == 1
    assert len(gallery) == 46


def test_killed_writers_lose_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "gallery_crash.py", "--entries", "800",
         "--folder", str(tmp_path / "g")],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every acknowledged entry was there whole" in done.stdout
    found = re.search(r"(\d+) kills, (\d+) of them within a step", done.stdout)
    assert found
    assert int(found[2]) >= 1
