"""Figures on the same photograph: the document quotes what the benchmark found, and it suffices."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START, END = "<!-- of benchmarks/same_picture.md -->", "<!-- end -->"


@pytest.fixture(scope="module")
def found() -> list[str]:
    return (ROOT / "benchmarks" / "same_picture.md").read_text(encoding="utf-8").splitlines()


def cells(lines: list[str], start: str) -> list[list[str]]:
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith(f"| {start}")
    ]


def test_the_document_quotes_the_measurement(found: list[str]) -> None:
    text = (ROOT / "docs" / "documents.md").read_text(encoding="utf-8")
    quoted = text.split(START)[1].split(END)[0].strip().splitlines()
    assert len(quoted) > 30
    assert [line for line in quoted if line and line.rstrip(".") not in found] == []
    assert "(0.298: 1 in 10,000" in text
    assert any(line.startswith("- each person counting once: 0.2985") for line in found)


def test_evasions_are_caught(found: list[str]) -> None:
    table = found[: next(k for k, line in enumerate(found) if line.startswith("Mirror images"))]
    evasions = cells(table, "evasion: ")
    assert len(evasions) == 11
    assert all(float(row[2].split(" %")[0]) >= 95 for row in evasions)


def test_different_photographs_of_one_person_are_hardly_flagged(found: list[str]) -> None:
    (every,) = cells(found, "LFW, one person, all")
    pairs, flagged = (int(cell.replace(",", "")) for cell in every[1:3])
    assert pairs > 240_000
    assert flagged / pairs <= 1e-4
