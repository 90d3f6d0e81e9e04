"""The installed command over tables and folders, killed and continued."""

from __future__ import annotations

import csv
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made_up
from renzheng import Verifier
from renzheng.models import packs

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Table = Callable[[Path, Sequence[Sequence[str]]], Path]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def pairs(shots: Path, tmp_path: Path, table: Table) -> Path:
    names = [f"shot{k}.png" for k in range(10)] + ["人 证.png", "blank.png", "text.jpg", "gone.jpg"]
    lines = [[str(k), one, f" {two} ", "a,\r b\n"] for k, (one, two) in enumerate(
        (one, two) for one in names for two in ("人 证.png", "shot3.png", "blank.png")
    )]  # fmt: skip
    lines += [["", "", "shot1.png", ""], ["x", "https://a.b/c.jpg", "folder.png", "=1+1"]]
    return table(tmp_path / "pairs.csv", [["id", "reference", "probe", "Anmerkung ü"], *lines])


def start(*arguments: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "renzheng", *map(str, arguments)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_rows_are_as_verify_says(
    pairs: Path, shots: Path, tmp_path: Path, command: Command
) -> None:
    output, page = tmp_path / "results.csv", tmp_path / "page.html"
    done = command(
        "batch", pairs, "-o", output, "--root", shots, "--roles", "photo,live", "--workers", 1,
        "--report", page, "--json",
    )  # fmt: skip
    assert done.returncode == 4, done.stderr  # some rows could not be compared
    given, found = rows_of(pairs), rows_of(output)
    assert len(found) == len(given)
    verifier = Verifier(roles=("photo", "live"), threads=1)
    for before, after in zip(given, found, strict=True):
        assert {name: after[name] for name in before} == before
        one, two = (before[name].strip() for name in ("reference", "probe"))
        if not one or "://" in one:
            assert after["decision"] == "not_comparable"
            continue
        whole = verifier.verify(shots / one, shots / two)
        assert after["decision"] == str(whole.decision)
        codes = ";".join(f"{finding.side}.{finding.code}" for finding in whole.findings)
        assert after["warnings"] == codes
        if whole.comparison is not None:
            assert float(after["distance"]) == pytest.approx(whole.comparison.distance, abs=1e-5)
            assert after["same_picture"] == str(whole.same_photo.same).lower()  # type: ignore[union-attr]
        else:
            assert after["reason"] == whole.reason
            assert after["reference_error"] == (whole.reference.error or "")
    summary = json.loads(done.stdout)
    assert summary["rows"] == len(given)
    assert summary["decisions"]["not_comparable"] == sum(
        row["decision"] == "not_comparable" for row in found
    )
    assert summary["failures"]["reference.no_picture"] == 1
    assert summary["failures"]["probe.no_face"] == 14
    text = page.read_text(encoding="utf-8")
    assert "https://a.b" not in text  # it was not compared
    assert "<img" not in text
    assert "shot3.png" in text
    assert not list(tmp_path.glob("results.csv.*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_again_and_again_the_file_is_the_same(
    pairs: Path, shots: Path, tmp_path: Path, command: Command, table: Table, workers: int
) -> None:
    # Enough pictures for several processes: one file under many names.
    folder = tmp_path / "many"
    folder.mkdir()
    for k in range(50):
        (folder / f"{k}.png").hardlink_to(shots / f"shot{k % 10}.png")
    lines = [[f"{k}.png", f"{(7 * k + 1) % 50}.png"] for k in range(50)]
    lines += [[f"{k}.png", "0.png"] for k in range(50)] + [["gone.png", "0.png"]]
    path = table(folder / "pairs.csv", [["reference", "probe"], *lines])
    asked = ("batch", path, "--roles", "photo,live", "--workers", workers)
    whole = tmp_path / "whole.csv"
    assert command(*asked, "-o", whole).returncode == 4
    output = tmp_path / "killed.csv"
    rng = random.Random(workers)
    kills = 0
    for _ in range(workers + 1):
        process = start(*asked, "-o", output, "--resume")
        partial = tmp_path / "killed.csv.partial"
        end = time.monotonic() + 30
        while not partial.exists() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.6))
        process.kill()
        kills += process.wait() == -signal.SIGKILL
        if output.exists():
            break
    assert kills
    if not output.exists():
        done = command(*asked, "-o", output, "--resume")
        assert done.returncode == 4, done.stderr
    assert output.read_bytes() == whole.read_bytes()
    assert not list(tmp_path.glob("killed.csv.*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interrupted_run_says_how_to_go_on(
    pairs: Path, shots: Path, tmp_path: Path, command: Command
) -> None:
    output = tmp_path / "results.csv"
    process = subprocess.Popen(
        [sys.executable, "-m", "renzheng", "batch", str(pairs), "-o", str(output), "--root",
         str(shots), "--workers", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    partial = tmp_path / "results.csv.partial"
    while not partial.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told
    assert "--resume" in told
    assert "Traceback" not in told
    done = command("batch", pairs, "-o", output, "--root", shots)
    assert done.returncode == 2
    assert "--restart" in done.stderr


def test_parquet_holds_the_same_rows(
    pairs: Path, shots: Path, tmp_path: Path, here: Command
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for name in ("a.csv", "a.parquet"):
        done = here("batch", pairs, "-o", tmp_path / name, "--root", shots, "--workers", 1)
        assert done.returncode == 4, done.stderr
    table = parquet.read_table(tmp_path / "a.parquet")
    texts = {None: "", True: "true", False: "false"}

    def text(value: Any) -> str:
        if value is None or isinstance(value, bool):
            return texts[value]
        return value if isinstance(value, str) else repr(value)

    rows = [{name: text(value) for name, value in row.items()} for row in table.to_pylist()]
    assert rows == rows_of(tmp_path / "a.csv")
    assert b"renzheng.embedding pack" in table.schema.metadata
    # And it is taken for a table itself, whose columns then clash.
    again = here("batch", tmp_path / "a.parquet", "-o", tmp_path / "b.csv", "--root", shots)
    assert again.returncode == 2
    assert "--prefix" in again.stderr
    again = here(
        "batch", tmp_path / "a.parquet", "-o", tmp_path / "b.csv", "--root", shots,
        "--prefix", "second_",
    )  # fmt: skip
    assert again.returncode == 4, again.stderr
    for row in rows_of(tmp_path / "b.csv"):
        assert row["second_decision"] == row["decision"]
        assert (row["second_distance"] == "") == (row["distance"] == "")
        if row["distance"]:
            assert float(row["second_distance"]) == float(row["distance"])


@pytest.mark.parametrize(
    ("content", "more", "told"),
    [
        (b"", [], "empty"),
        (b"reference,probe\n", [], "no rows"),
        (b"a,b\nx.jpg,y.jpg\n", [], "--columns"),
        (b"a,b\nx.jpg,y.jpg\n", ["--columns", "a"], "takes two columns"),
        (b"a,b\nx.jpg,y.jpg\n", ["--columns", "a,a"], "one column"),
        (b"reference,probe,probe\nx,y,z\n", [], "two columns"),
        (b"reference,probe,decision\nx,y,z\n", [], "--prefix"),
        ("reference,probe\nä,y\n".encode("utf-16"), [], "UTF-8"),
        (b"reference,probe\nx,y,z\n", [], "more cells"),
        (b"reference,probe\nx,y\n", ["--root", "nowhere"], "no such folder"),
        (b"reference,probe\nx,y\n", ["--workers", "0"], "--workers"),
        (b"reference,probe\nx,y\n", ["--resume", "--restart"], "exclude each other"),
        (b"reference,probe\nx,y\n", ["--max-fmr", "1e-12"], "calibration"),
        (b"reference,probe\nx,y\n", ["--report", "page.pdf"], ".html"),
        (b"reference,probe\nx,y\n", ["--report-pictures"], "--report"),
        (b"reference,probe\nx,y\n", ["-o", "out.json"], ".csv or .parquet"),
        (b"reference,probe\nx,out.csv\n", [], "overwrite"),
        (b"reference,probe\nx,y\n", ["-o", "pairs.csv"], "overwrite"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_told_before_the_work(
    tmp_path: Path, content: bytes, more: list[str], told: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from renzheng.apps.cli import main

    (tmp_path / "pairs.csv").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    assert main(["batch", "pairs.csv", "-o", "out.csv", *more]) == 2
    assert told in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["pairs.csv"]


def test_an_output_that_cannot_be_written_is_told_before_the_work(
    pairs: Path, tmp_path: Path, here: Command
) -> None:
    done = here("batch", pairs, "-o", tmp_path / "missing" / "out.csv")
    assert done.returncode == 5
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_a_full_disk_is_an_error_in_words_and_loses_nothing(
    pairs: Path, shots: Path, tmp_path: Path, command: Command
) -> None:
    output = tmp_path / "out.csv"
    arguments = ["batch", pairs, "-o", output, "--root", shots, "--roles", "photo,live",
                 "--workers", 1, "--resume"]  # fmt: skip

    def small() -> None:  # the store begins with 24 KiB; its rows alone, all at once, make 44
        resource.setrlimit(resource.RLIMIT_FSIZE, (36 << 10, 36 << 10))

    done = subprocess.run(
        [sys.executable, "-m", "renzheng", *map(str, arguments)],
        capture_output=True, text=True, timeout=60, check=False, preexec_fn=small,
    )  # fmt: skip
    assert done.returncode == 5
    assert "space on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert not output.exists()
    assert command(*arguments).returncode == 4
    whole = tmp_path / "whole.csv"
    assert command(*arguments[:3], whole, *arguments[4:]).returncode == 4
    assert output.read_bytes() == whole.read_bytes()


def test_pictures_are_on_the_page_if_asked(
    shots: Path, tmp_path: Path, here: Command, table: Table
) -> None:
    path = table(tmp_path / "p.csv", [["Passport", "Selfie"], ["shot1.png", "shot7.png"]])
    done = here(
        "batch", path, "-o", tmp_path / "o.csv", "--columns", "passport,selfie", "--root", shots,
        "--report", tmp_path / "page.html", "--report-pictures", "--roles", "photo,photo",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "match" in done.stdout
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<img") == 2
    assert rows_of(tmp_path / "o.csv")[0]["decision"] == "match"


# --- embed ---------------------------------------------------------------------------------


def test_a_folder_of_embeddings(shots: Path, tmp_path: Path, here: Command) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "in").mkdir()
    for path in shots.glob("*.*"):
        if path.is_file():
            (tmp_path / "in" / path.name).hardlink_to(path)
    output = tmp_path / "e.parquet"
    done = here("embed", tmp_path / "in", "-o", output)
    assert done.returncode == 4, done.stderr
    assert "text.jpg: this is not a picture" in done.stderr
    assert "11 of 13 pictures embedded" in done.stdout
    table = parquet.read_table(output)
    assert table.schema.metadata[b"renzheng.pack"] == packs.DEFAULT_EMBEDDER.encode()
    rows = {Path(row["path"]).name: row for row in table.to_pylist()}
    assert len(rows) == 13
    verifier = Verifier(threads=1)
    for name in ("shot0.png", "人 证.png"):
        expected = verifier.embed(shots / name)
        np.testing.assert_array_equal(np.array(rows[name]["embedding"], np.float32), expected)
        assert rows[name]["error"] is None
        assert np.shape(rows[name]["landmarks"]) == (5, 2)
        assert rows[name]["strength"] == verifier.extract(shots / name, "photo").strength
    assert rows["blank.png"]["embedding"] is rows["blank.png"]["strength"] is None
    assert "no face" in rows["blank.png"]["error"]
    assert len(rows["text.jpg"]["digest"]) == 64
    assert here("embed", tmp_path / "in", "-o", output).returncode == 2
    # The same as CSV.
    done = here("embed", tmp_path / "in", "-o", tmp_path / "e.csv", "--json")
    assert json.loads(done.stdout)["embedded"] == 11
    with (tmp_path / "e.csv").open(newline="", encoding="utf-8") as file:
        texts = {Path(row[0]).name: np.array(row[1:], np.float32) for row in csv.reader(file)}
    np.testing.assert_array_equal(texts["shot0.png"], verifier.embed(shots / "shot0.png"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_embedding_goes_on_after_a_kill(shots: Path, tmp_path: Path, here: Command) -> None:
    pytest.importorskip("pyarrow")
    folder = tmp_path / "many"
    folder.mkdir()
    for k in range(80):
        (folder / f"{k}.png").hardlink_to(shots / f"shot{k % 10}.png")
    whole, output = tmp_path / "whole.parquet", tmp_path / "killed.parquet"
    assert here("embed", folder, "-o", whole, "--workers", 1).returncode == 0
    process = start("embed", folder, "-o", output, "--workers", 1)
    store = tmp_path / "killed.parquet.unfinished"
    while not store.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(0.9)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    # The pictures of a run are those that were there when it began.
    (folder / "new.png").hardlink_to(shots / "shot0.png")
    assert here("embed", folder, "-o", output).returncode == 2
    assert here("embed", folder, "-o", output, "--resume", "--workers", 1).returncode == 0
    assert output.read_bytes() == whole.read_bytes()
    assert not store.exists()


def test_the_number_of_a_folders_pictures_says_nothing_in_npy(
    shots: Path, tmp_path: Path, here: Command
) -> None:
    done = here("embed", shots, "-o", tmp_path / "e.npy")
    assert done.returncode == 2
    assert ".parquet or .csv" in done.stderr
    done = here("embed", tmp_path, "-o", tmp_path / "e.csv")
    assert done.returncode == 2
    assert "no pictures" in done.stderr


def test_liveness_has_a_column_where_it_is_asked(
    shots: Path, tmp_path: Path, here: Command, table: Table
) -> None:
    pack = made_up.liveness_pack(tmp_path / "bright")
    lines = [["shot1.png", f"shot{k}.png"] for k in (2, 5)] + [["blank.png", "shot1.png"]]
    path = table(tmp_path / "p.csv", [["reference", "probe"], *lines])
    done = here(
        "batch", path, "-o", tmp_path / "o.csv", "--root", shots, "--liveness", pack.folder,
        "--workers", 1, "--roles", "photo,live",
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    verifier = Verifier(liveness=pack, roles=("photo", "live"), threads=1)
    for row in rows_of(tmp_path / "o.csv"):
        whole = verifier.verify(shots / row["reference"], shots / row["probe"])
        live = whole.liveness
        assert row["liveness"] == ("" if live is None else repr(round(live.score, 6)))
        assert row["decision"] == str(whole.decision)
