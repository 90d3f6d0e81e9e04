"""However often a run is interrupted, and wherever: the file is that of a run that was not."""

from __future__ import annotations

import csv
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from renzheng import InvalidInput, Policy, Role, Verifier
from renzheng.apps.batch import Begin, Summary, outputs, pairs, run, steps, store, verify_pairs
from renzheng.verification.config import VerifierConfig
from renzheng.verification.information import InformationLevel
from renzheng.verification.templates import FaceTemplate, unread


class Stopped(Exception):  # noqa: N818 - stands for a kill
    pass


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    """A verifier to which the made-up templates show all, little or too little of a face."""
    loaded = Verifier(roles=("photo", "photo"), threads=1)
    assert loaded.calibration is not None
    weaker = InformationLevel(5.0, np.minimum(loaded.calibration.fmr * 100, 1.0))
    loaded.calibration = replace(loaded.calibration, min_strength=7.0, weaker=(weaker,))
    return loaded


def made_up(verifier: Verifier, content: bytes, name: str, role: Role | str) -> FaceTemplate:
    """Return a template that depends on the bytes alone, in no time."""
    if content == b"":
        return unread(name, Role(role), "there is nothing in it")
    seed = int.from_bytes(hashlib.sha256(content).digest()[:4], "big")
    row = np.random.default_rng(seed).standard_normal(128) * 0.05
    row[0] = 1
    embedding = (row / np.linalg.norm(row)).astype(np.float32)
    strength = None if seed % 8 == 0 else seed % 8 + 1 / 3
    return FaceTemplate(
        name, Role(role), verifier.pack.digest, embedding=embedding, strength=strength
    )


@pytest.fixture
def quick(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that take no time, write after every row and hold next to nothing in memory."""
    monkeypatch.setattr(VerifierConfig, "verifier", lambda self: verifier)
    monkeypatch.setattr(steps, "extract", made_up)
    monkeypatch.setattr(run, "_EVERY", 0)
    monkeypatch.setattr(run, "_MAX_HELD", 1)


def write_pictures(folder: Path, count: int = 8) -> None:
    for k in range(count):
        (folder / f"{k}.jpg").write_bytes(b"" if k == 3 else bytes([k]))


def run_once(
    folder: Path,
    verifier: Verifier,
    name: str,
    *,
    begin: Begin = Begin.NEW,
    stop: int | None = None,
    everything: bool = False,
    **more: object,
) -> Path:
    """One run, which ends with `Stopped` at the given word of its progress."""
    told = 0

    def tell(what: str, done: int, whole: int) -> None:
        nonlocal told
        told += what == "pictures" or everything
        if stop is not None and told > stop:
            raise Stopped

    output = folder / name
    verify_pairs(pairs.read(folder / "pairs.csv"), output, verifier, begin=begin, tell=tell, **more)
    return output


CELLS = st.sampled_from([*(f"{k}.jpg" for k in range(8)), "gone.jpg", "", "http://a.b/c.jpg"])


@given(
    st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=15),
    st.lists(st.integers(0, 25), max_size=4),
    st.sampled_from([".csv", ".parquet"]),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_stopped_anywhere_and_resumed_is_the_same(
    quick: None, verifier: Verifier, rows: list[tuple[str, str]], stops: list[int], suffix: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pictures(folder)
        text = "".join(f"{one},{other},{k}\n" for k, (one, other) in enumerate(rows))
        (folder / "pairs.csv").write_text(f"reference,probe,note\n{text}")
        whole = run_once(folder, verifier, f"whole{suffix}")
        for stop in stops:
            try:
                run_once(
                    folder,
                    verifier,
                    f"again{suffix}",
                    begin=Begin.RESUME,
                    stop=stop,
                    everything=True,
                )
            except Stopped:
                assert not (folder / f"again{suffix}").exists()
            else:
                (folder / f"again{suffix}").unlink()
        again = run_once(folder, verifier, f"again{suffix}", begin=Begin.RESUME)
        assert again.read_bytes() == whole.read_bytes()
        left = {path.name for path in folder.iterdir()} - {f"{k}.jpg" for k in range(8)}
        assert left == {"pairs.csv", f"whole{suffix}", f"again{suffix}"}


def write_table(folder: Path, rows: int = 6) -> None:
    write_pictures(folder)
    lines = [f"{k}.jpg,{(k + 1) % 8}.jpg" for k in range(rows)]
    (folder / "pairs.csv").write_text("\n".join(["reference,probe", *lines]))


@pytest.mark.parametrize("before", ["output", "report"])
def test_stopped_between_the_last_row_and_the_end(
    quick: None, verifier: Verifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    write_table(tmp_path)
    whole = run_once(tmp_path, verifier, "whole.csv").read_bytes()

    def stop(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        if before == "output":
            patch.setattr(outputs, "write_csv", stop)
        with pytest.raises(Stopped):
            run_once(tmp_path, verifier, "out.csv", report=stop)
    assert (tmp_path / "out.csv").exists() == (before == "report")
    # The rows are all there, so that nothing is read again.
    for picture in tmp_path.glob("*.jpg"):
        picture.unlink()
    assert run_once(tmp_path, verifier, "out.csv", begin=Begin.RESUME).read_bytes() == whole


def test_a_picture_counts_as_it_was_when_it_was_read(
    quick: None, verifier: Verifier, tmp_path: Path
) -> None:
    write_pictures(tmp_path)
    # 0 and 3 are needed by the last row as well; 5 and 6 are not read before the kill.
    lines = ["0.jpg,1.jpg", "3.jpg,gone.jpg", "5.jpg,6.jpg", "0.jpg,3.jpg", "0.jpg,gone.jpg"]
    (tmp_path / "pairs.csv").write_text("\n".join(["reference,probe", *lines]))
    whole = run_once(tmp_path, verifier, "whole.csv").read_bytes()
    with pytest.raises(Stopped):
        run_once(tmp_path, verifier, "out.csv", stop=5)
    (tmp_path / "0.jpg").unlink()
    (tmp_path / "3.jpg").write_bytes(b"something")
    (tmp_path / "gone.jpg").write_bytes(b"appeared")
    told: list[Summary] = []
    output = run_once(
        tmp_path, verifier, "out.csv", begin=Begin.RESUME, report=lambda d: told.append(d.summary)
    )
    assert output.read_bytes() == whole
    assert told[0].changed == 3


def test_unfinished_work_is_neither_lost_nor_mixed(
    quick: None, verifier: Verifier, tmp_path: Path
) -> None:
    write_table(tmp_path)
    with pytest.raises(Stopped):
        run_once(tmp_path, verifier, "out.csv", stop=3)
    kept = store.place(tmp_path / "out.csv")
    assert kept.stat().st_mode & 0o077 == 0
    assert outputs.partial(tmp_path / "out.csv").stat().st_mode & 0o077 == 0
    with pytest.raises(InvalidInput, match="unfinished work"):
        run_once(tmp_path, verifier, "out.csv")
    other = verifier.with_policy(Policy(max_fmr=1e-3))
    with pytest.raises(InvalidInput, match=r"another policy max_fmr \(0\.0001, now 0\.001\)"):
        run_once(tmp_path, other, "out.csv", begin=Begin.RESUME)
    with pytest.raises(InvalidInput, match="another prefix"):
        run_once(tmp_path, verifier, "out.csv", begin=Begin.RESUME, prefix="a_")
    table = tmp_path / "pairs.csv"
    before = table.read_text()
    table.write_text(f"{before}\n0.jpg,2.jpg\n")
    with pytest.raises(InvalidInput, match="another table"):
        run_once(tmp_path, verifier, "out.csv", begin=Begin.RESUME)
    table.write_text(before)
    output = run_once(tmp_path, other, "out.csv", begin=Begin.RESTART)
    assert output.read_text().count("\n") == 7
    assert not kept.exists()


def test_work_of_a_version_without_strengths_is_not_continued(
    quick: None, verifier: Verifier, tmp_path: Path
) -> None:
    import sqlite3
    from contextlib import closing

    write_table(tmp_path)
    with pytest.raises(Stopped):
        run_once(tmp_path, verifier, "out.csv", stop=3)
    with closing(sqlite3.connect(store.place(tmp_path / "out.csv"))) as base, base:
        base.execute("ALTER TABLE extracts DROP COLUMN strength")
        base.execute("PRAGMA user_version = 1")
    with pytest.raises(InvalidInput, match=r"another version of renzheng.*--restart"):
        run_once(tmp_path, verifier, "out.csv", begin=Begin.RESUME)
    run_once(tmp_path, verifier, "out.csv", begin=Begin.RESTART)


def test_a_finished_output_is_replaced_on_request_only(
    quick: None, verifier: Verifier, tmp_path: Path
) -> None:
    write_table(tmp_path)
    output = tmp_path / "out.csv"
    output.write_text("mine")
    for begin in (Begin.NEW, Begin.RESUME):
        with pytest.raises(InvalidInput, match="already"):
            run_once(tmp_path, verifier, "out.csv", begin=begin)
    assert output.read_text() == "mine"
    run_once(tmp_path, verifier, "out.csv", begin=Begin.RESTART)
    assert output.read_text() != "mine"


@pytest.mark.parametrize("place", [store.place, outputs.partial])
def test_somebody_elses_file_stays(
    quick: None, verifier: Verifier, tmp_path: Path, place: object
) -> None:
    write_table(tmp_path)
    theirs = place(tmp_path / "out.csv")  # type: ignore[operator]
    theirs.write_text("a letter that is long enough to be one")
    with pytest.raises(InvalidInput):
        run_once(tmp_path, verifier, "out.csv")
    assert theirs.read_text().startswith("a letter")


def test_a_database_of_something_else_stays(
    quick: None, verifier: Verifier, tmp_path: Path
) -> None:
    import sqlite3
    from contextlib import closing

    write_table(tmp_path)
    theirs = store.place(tmp_path / "out.csv")
    with closing(sqlite3.connect(theirs)) as base, base:
        base.execute("CREATE TABLE mine (x)")
    before = theirs.read_bytes()
    for begin in Begin:
        with pytest.raises(InvalidInput):
            run_once(tmp_path, verifier, "out.csv", begin=begin)
    assert theirs.read_bytes() == before


def test_two_runs_do_not_work_on_one_output(
    quick: None, verifier: Verifier, tmp_path: Path
) -> None:
    write_table(tmp_path)
    inner = []

    def report(done: object) -> None:
        for begin in (Begin.RESUME, Begin.RESTART):
            with pytest.raises(InvalidInput, match="another run is at this work"):
                run_once(tmp_path, verifier, "out.csv", begin=begin)
        inner.append(True)

    run_once(tmp_path, verifier, "out.csv", report=report)
    assert inner


def test_templates_go_once_no_row_needs_them(
    quick: None, verifier: Verifier, tmp_path: Path
) -> None:
    write_table(tmp_path)
    left = []

    def report(done: object) -> None:
        left.append(store.place(tmp_path / "out.csv").read_bytes())

    run_once(tmp_path, verifier, "out.csv", report=report)
    found = made_up(verifier, b"\1", "", "photo").embedding
    assert found is not None
    assert found.tobytes()[:64] not in left[0]


def test_a_result_is_the_same_through_the_store(
    quick: None, verifier: Verifier, tmp_path: Path
) -> None:
    """Every picture is read once, however often it is used and however little is held."""
    write_pictures(tmp_path)
    lines = [f"{a}.jpg,{b}.jpg" for a in range(8) for b in range(8)]
    (tmp_path / "pairs.csv").write_text("\n".join(["reference,probe", *lines]))
    reads: list[str] = []

    def counted(verifier: Verifier, content: bytes, name: str, role: Role | str) -> FaceTemplate:
        reads.append(name)
        return made_up(verifier, content, name, role)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "extract", counted)
        held = run_once(tmp_path, verifier, "little.csv").read_bytes()
        assert sorted(reads) == sorted(f"{k}.jpg" for k in range(8))
        patch.setattr(run, "_MAX_HELD", 1000)
        assert run_once(tmp_path, verifier, "much.csv").read_bytes() == held
    # Strengths have gone through the store with the templates.
    with (tmp_path / "little.csv").open(newline="") as file:
        grades = {row["information"] for row in csv.DictReader(file)}
    assert {"full", "insufficient", ""} <= grades
