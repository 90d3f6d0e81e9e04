"""``renzheng duplicates`` as a user runs it, on painted pictures."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest

from painted_pictures import paint, save

posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and names of POSIX")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "renzheng", "duplicates", *map(str, arguments)]


def run(*arguments: object, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=120, check=False, **more
    )


def found(done: subprocess.CompletedProcess[str]) -> dict:
    """Return the JSON without the command line, which names other files every time."""
    assert done.returncode in (0, 4), done.stderr
    result = json.loads(done.stdout)
    del result["command"]
    return result


def contents(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(p.relative_to(folder)): (p.stat().st_mtime_ns, p.read_bytes())
        for p in folder.rglob("*")
        if p.is_file()
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "store"


def test_every_kind_is_found_and_no_unrelated_picture(collection: Path, store: Path) -> None:
    result = found(run(collection, "--json", "--store", store))
    groups = {Path(g["keep"]["path"]).name: g for g in result["groups"]}
    assert set(groups) == {"a.png", "b.png", "c.png"}
    members = {keep: {Path(m["path"]).name: m for m in g["members"]} for keep, g in groups.items()}
    assert {k: v["relation"] for k, v in members["a.png"].items()} == {
        "a.jpg": "same_picture", "a small.png": "same_picture",
    }  # fmt: skip
    assert {k: v["relation"] for k, v in members["b.png"].items()} == {
        "b cropped.png": "near_duplicate", "b mirrored.jpg": "near_duplicate",
    }  # fmt: skip
    assert {k: v["relation"] for k, v in members["c.png"].items()} == {
        "c copied.png": "identical", "c copied again.png": "identical",
    }  # fmt: skip
    assert members["b.png"]["b mirrored.jpg"]["mirrored"]
    cropped = members["b.png"]["b cropped.png"]
    assert not cropped["mirrored"]
    assert cropped["share_of_best"] == pytest.approx(320 * 240 / (360 * 280), abs=0.02)
    assert cropped["share_of_itself"] > 0.98
    assert groups["a.png"]["kind"] == "same_picture"
    assert groups["b.png"]["kind"] == "near_duplicate"
    assert groups["c.png"]["kind"] == "identical"
    assert "largest" in groups["a.png"]["keep"]["reason"]
    assert "oldest" in groups["c.png"]["keep"]["reason"]
    assert result["pictures"] == 21
    assert result["different_contents"] == 19
    assert result["skipped"] == {"hidden": 1, "not a picture by its name": 1}
    assert [Path(u["path"]).name for u in result["unread"]] == ["text.jpg"]
    kept = [m for g in result["groups"] for m in g["members"] if not m["removable"]]
    assert all(m["relation"] != "identical" for m in kept)
    assert len(kept) == 4
    sizes = [m["bytes"] for g in result["groups"] for m in g["members"] if m["removable"]]
    assert result["bytes_freed"] == sum(sizes)
    assert result["removable"] == 2  # the same bytes, and nothing else


def test_words_page_and_plan_say_the_same_and_nothing_is_touched(
    collection: Path, store: Path, tmp_path: Path
) -> None:
    before = contents(collection)
    page, table, plan = (tmp_path / name for name in ("page.html", "plan.csv", "plan.json"))
    done = run(collection, "--store", store, "--report", page, "--plan", table)
    assert done.returncode == 4, done.stderr  # text.jpg
    for phrase in (
        "groups      3 (1 identical, 1 same picture, 1 near duplicate, 0 changed)",
        "removable   2 files",
        "nothing was removed", "mirrored", "shows 76% of it", "text.jpg: ", "the same bytes",
    ):  # fmt: skip
        assert phrase in done.stdout
    assert run(collection, "--store", store, "--plan", plan).returncode == 4
    assert contents(collection) == before

    html = page.read_text()
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:|#)", html)
    assert html.count("data:image/jpeg") == 9
    assert html.count("Keep") == 3
    assert "Nothing was removed" in html

    lines = table.read_text().splitlines()
    assert lines[0].startswith("# Dry run: nothing was removed")
    rows = list(csv.DictReader(lines[1:]))
    listed = json.loads(plan.read_text())
    assert listed["note"] == lines[0].removeprefix("# ")
    assert [{**row, "bytes_freed": int(row["bytes_freed"])} for row in rows] == listed["files"]
    assert {Path(row["remove"]).name for row in rows} == {"c copied.png", "c copied again.png"}
    assert {Path(row["keep"]).name for row in rows} == {"c.png"}


def test_the_page_is_bounded_and_says_so(collection: Path, store: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    run(collection, "--store", store, "--report", page, "--most-groups", 1)
    html = page.read_text()
    assert html.count("data:image/jpeg") == 3
    assert "Shown are 1 of them" in html


def test_workers_stores_and_order_change_nothing(collection: Path, store: Path) -> None:
    expected = found(run(collection, "--json", "--store", store))
    assert found(run(collection, "--json", "--no-store", "--workers", 2)) == expected
    parts = [collection / "versions", collection / "unrelated", collection]
    again = found(run(*parts, "--json", "--store", store))
    assert again["groups"] == expected["groups"]


def test_a_list_does_as_well_as_a_folder(collection: Path, store: Path, tmp_path: Path) -> None:
    names = tmp_path / "list.txt"
    names.write_text(f"{collection / 'a.png'}\n{collection / 'versions'}\n")
    result = found(run("--list", names, "--json", "--store", store))
    kept = {Path(g["keep"]["path"]).name: len(g["members"]) for g in result["groups"]}
    assert kept.pop("a.png") == 1
    assert sorted(kept.values()) == [1, 1]  # the two of b, and of c
    assert result["pictures"] == 6


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "no folder is given"),
        (("gone",), "No such file"),
        (("empty",), "no pictures here"),
        (("texts",), "no pictures here"),
        (("one", "--plan", "plan.txt"), ".csv or .json"),
        (("one", "--plan", "gone/plan.csv"), "no such folder"),
        (("one", "--report", "page.png"), ".html"),
        (("one", "--workers", "0"), "--workers"),
        (("one", "--store", "s", "--no-store"), "exclude each other"),
        (("--list", "gone.txt"), "cannot be read"),
        (("one", "--report", "one/only.html"), "overwrite"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], word: str
) -> None:
    for name in ("empty", "texts", "one"):
        (tmp_path / name).mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    save(paint(0, 96, 72), tmp_path / "one" / "only.png")
    if "overwrite" in word:
        (tmp_path / "one" / "only.html").write_text("precious")
        arguments = ("one/only.html", *arguments)
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_one_picture_is_no_duplicate(tmp_path: Path) -> None:
    save(paint(0, 96, 72), tmp_path / "only.png")
    result = found(run(tmp_path, "--json", "--no-store"))
    assert result["groups"] == []
    assert result["pictures"] == 1


def test_plain_pictures_are_told_by_their_bytes_only(tmp_path: Path) -> None:
    for name, tone in (("a", 200), ("b", 200), ("c", 90)):
        save(np.full((90, 120, 3), tone, np.uint8), tmp_path / f"{name}.png")
    result = found(run(tmp_path, "--json", "--no-store"))
    assert result["plain_pictures"] == 2
    assert [len(g["members"]) for g in result["groups"]] == [1]


def test_only_unreadable_files_are_a_result_with_4(tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / f"{n}.jpg").write_text("hello")
    done = run(tmp_path, "--no-store", "--json")
    assert done.returncode == 4
    assert len(json.loads(done.stdout)["unread"]) == 3


@posix
def test_names_that_are_no_text_are_kept(tmp_path: Path) -> None:
    content = save(paint(0), tmp_path / "a.png").read_bytes()
    odd = os.fsencode(tmp_path) + b"/\xff\xfe odd\n.png"
    try:
        with open(odd, "wb") as file:  # noqa: PTH123 - a name of bytes
            file.write(content)
    except OSError:
        pytest.skip("this file system takes no such names")
    plan, page = tmp_path / "plan.csv", tmp_path / "page.html"
    done = run(tmp_path, "--no-store", "--plan", plan, "--report", page)
    assert done.returncode == 0, done.stderr
    assert "\\n" in done.stdout
    assert b"\xff\xfe odd\n.png" in plan.read_bytes()
    result = found(run(tmp_path, "--no-store", "--json"))
    paths = [m["path"] for g in result["groups"] for m in (g["keep"], *g["members"])]
    assert odd in [os.fsencode(path) for path in paths]


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_may_not_be_read_is_named(collection: Path, tmp_path: Path) -> None:
    save(paint(0, 96, 72), tmp_path / "a.png")
    (tmp_path / "closed").mkdir(mode=0)
    done = run(tmp_path, "--no-store")
    assert done.returncode == 4
    assert "closed: the folder cannot be read" in done.stdout


@posix
def test_a_hard_link_frees_nothing(tmp_path: Path) -> None:
    save(paint(0), tmp_path / "a.png")
    os.link(tmp_path / "a.png", tmp_path / "another name.png")
    result = found(run(tmp_path, "--no-store", "--json"))
    (group,) = result["groups"]
    assert group["bytes_freed"] == 0
    assert group["members"][0]["reason"] == "the same bytes, by a link or another name"


# --- interruption ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make some seconds of work: 60 pictures, a third of them versions."""
    folder = tmp_path_factory.mktemp("many")
    for seed in range(40):
        save(paint(seed, 270, 210), folder / f"{seed}.png")
    for seed in range(20):
        save(np.ascontiguousarray(paint(seed, 270, 210)[:, ::-1]), folder / f"{seed} mirrored.jpg")
    return folder


def begun(store: Path, process: subprocess.Popen[str]) -> int:
    """Count the pictures in the store, once there are any."""
    for _ in range(1200):
        with (
            suppress(sqlite3.Error),
            closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as base,
        ):
            (count,) = base.execute("SELECT count(*) FROM pictures").fetchone()
            if count:
                return int(count)
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("nothing was written")


def numbers(store: Path) -> dict[bytes, int]:
    """Return the store's number of each picture; one that is computed again gets a new one."""
    with closing(sqlite3.connect(store)) as base:
        return dict(base.execute("SELECT digest, id FROM pictures"))


@posix
def test_ctrl_c_reaches_the_workers_and_stays_quiet(many: Path, tmp_path: Path) -> None:
    for seed in range(20):
        save(paint(700 + seed, 270, 210), tmp_path / "more" / f"{seed}.png")
    store = tmp_path / "store"
    with subprocess.Popen(
        command(many, tmp_path / "more", "--store", store, "--workers", 2),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        begun(store, process)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        out, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "continues from here" in told
    assert "Traceback" not in told


@posix
def test_a_killed_run_goes_on_to_the_same_result(many: Path, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with subprocess.Popen(
        command(many, "--store", store, "--workers", 1, "--json"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        begun(store, process)
        process.send_signal(signal.SIGKILL)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert out == ""
    kept = numbers(store)
    assert 0 < len(kept) < 60
    result = found(run(many, "--store", store, "--workers", 1, "--json"))
    after = numbers(store)
    assert len(after) == 60
    assert kept.items() <= after.items()  # not computed again
    assert len(result["groups"]) == 20
    assert found(run(many, "--no-store", "--workers", 1, "--json")) == result


def test_two_at_once_on_one_store_agree(collection: Path, store: Path, tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            command(collection, "--store", tmp_path / "store", "--workers", 1, "--json"),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    ends = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [4, 4], ends
    one, other = (json.loads(out) for out, _ in ends)
    assert one == other
    assert one["groups"] == found(run(collection, "--json", "--store", store))["groups"]


def test_a_damaged_store_is_an_error_and_can_be_done_without(
    collection: Path, tmp_path: Path
) -> None:
    letter = b"Dear sirs, " * 1000
    (tmp_path / "letter").write_bytes(letter)
    done = run(collection, "--store", tmp_path / "letter")
    assert done.returncode == 2
    assert "stays as it is" in done.stderr
    assert (tmp_path / "letter").read_bytes() == letter
    (tmp_path / "store").write_bytes(b"SQLite format 3\0" + b"nonsense " * 1000)
    done = run(collection, "--store", tmp_path / "store")
    assert done.returncode == 5
    assert "--no-store" in done.stderr
    assert "Traceback" not in done.stderr
