"""What a run says of pairs that show all, little or too little of a face."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from information_levels import grading
from renzheng import Verifier
from renzheng.apps.batch import compare, extract
from renzheng.apps.cli import main, policies

Table = Callable[[Path, Sequence[Sequence[str]]], Path]


@pytest.fixture(scope="module")
def verifier() -> Verifier:
    return Verifier(roles=("photo", "photo"), threads=1)


@pytest.fixture
def done(
    verifier: Verifier,
    shots: Path,
    tmp_path: Path,
    table: Table,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """Runs ``batch`` with a calibration to which all pictures have a grade."""
    rows = [["reference", "probe"], ["shot1.png", "shot7.png"], ["shot1.png", "blank.png"]]
    path = table(tmp_path / "pairs.csv", rows)

    def run(grade: str, output: Path, *more: str) -> str:
        def load(arguments: argparse.Namespace) -> Verifier:
            return grading(verifier, grade)

        monkeypatch.setattr(policies, "load_verifier", load)
        words = ["batch", path, "-o", output, "--root", shots, "--workers", "1", *more]
        assert main([str(word) for word in words]) == 4  # there is no face in the second row
        return capsys.readouterr().out

    return run


def test_the_column_has_the_grade(done: Callable[..., str], tmp_path: Path) -> None:
    for grade in ("full", "limited", "insufficient"):
        output = tmp_path / f"{grade}.csv"
        told = json.loads(done(grade, output, "--json"))
        counts = dict.fromkeys(("full", "limited", "insufficient", "unknown"), 0)
        assert told["information"] == {**counts, grade: 1}
        with output.open(newline="", encoding="utf-8") as file:
            compared, blank = csv.DictReader(file)
        assert compared["information"] == grade
        assert (compared["fmr"] == "") == (compared["llr"] == "") == (grade == "insufficient")
        assert float(compared["distance"]) > 0
        assert blank["decision"] == "not_comparable"
        assert blank["information"] == ""
    assert compared["decision"] == "inconclusive"
    assert "little_information" in compared["warnings"]


def test_too_little_of_a_face_is_counted_in_words_and_on_the_page(
    done: Callable[..., str], tmp_path: Path
) -> None:
    told = done("insufficient", tmp_path / "a.csv", "--report", str(tmp_path / "a.html"))
    assert "how much of a face both sides show:\n  insufficient            1   50.00%" in told
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "How much of a face the compared pairs show" in page
    assert '<th scope="row">insufficient</th><td class="number">1</td>' in page
    assert "The rows nearest to the threshold" not in page  # no threshold decided them
    told = done("full", tmp_path / "b.csv", "--report", str(tmp_path / "b.html"))
    assert "how much of a face" not in told
    page = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert '<th scope="row">full</th>' in page
    assert "The rows nearest to the threshold" in page


def test_parquet_has_the_column_as_text(done: Callable[..., str], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    done("insufficient", tmp_path / "a.parquet")
    found = parquet.read_table(tmp_path / "a.parquet")
    assert found["information"].to_pylist() == ["insufficient", None]
    assert found["fmr"].to_pylist() == [None, None]
    assert str(found.schema.field("information").type) == "string"


def test_templates_that_tables_of_the_cluster_carry_keep_their_strength(
    verifier: Verifier, shots: Path
) -> None:
    pytest.importorskip("pyarrow")
    import pickle

    from renzheng.apps.batch import records
    from renzheng.apps.batch.cluster.actors import template_table

    graded = grading(verifier, "full")
    kept = extract(graded, (shots / "shot1.png").read_bytes(), "shot1.png", "photo")
    assert kept.strength is not None
    sent = template_table({7: kept}, {})
    again = records.from_row(pickle.loads(sent["content"][0].as_py()))
    assert again.strength == kept.strength
    assert compare(graded, again, kept) == compare(graded, kept, kept)
    assert compare(graded, again, kept).cells["information"] == "full"
