"""Rates of the measures of what is lost: docs/quality.md quotes benchmarks/quality.md."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8").splitlines()
BENCHMARK = (ROOT / "benchmarks" / "quality.md").read_text(encoding="utf-8").splitlines()
SETS = ("LFW, tested", "Asian, tested")
COLUMNS = (
    *("faces", "resolution", "noise", "contrast", "blocks"),
    *("eyes", "mouth", "upside down", "squeezed", "any"),
)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def measured(section: str) -> dict[str, dict[str, str]]:
    """Return a table of the benchmark by row and column."""
    start = next(k for k, line in enumerate(BENCHMARK) if line.startswith(f"## {section}"))
    end = next(
        (k for k in range(start + 1, len(BENCHMARK)) if BENCHMARK[k].startswith("## ")),
        len(BENCHMARK),
    )
    rows = [cells(line) for line in BENCHMARK[start:end] if line.startswith("| ")]
    return {row[0]: dict(zip(COLUMNS, row[1:], strict=True)) for row in rows}


@pytest.mark.parametrize(
    ("row", "column", "names"),
    [
        ("noise of 30 / 60 levels", "noise", ["noise-30", "noise-60"]),
        ("JPEG of quality 1 / 3 / 5", "blocks", ["jpeg-1", "jpeg-3", "jpeg-5"]),
        (
            "a face of 16 / 24 / 32 px, enlarged smoothly",
            "resolution",
            ["small-16", "small-24", "small-32"],
        ),
        (
            "black bar over the eyes / drawn sunglasses / one eye covered",
            "eyes",
            ["eye-bar", "sunglasses", "one-eye"],
        ),
        ("drawn mask / hand over the mouth", "mouth", ["mask", "hand"]),
        ("half as wide / half as high", "squeezed", ["half-as-wide", "half-as-high"]),
        ("upside down, taken as upright", "upside down", ["upside-down"]),
        ("patches, 12 to 32 across the face", "blocks", ["mosaic-12", "mosaic-16", "mosaic-32"]),
        (
            "2 to 4 levels of each colour, black and white",
            "contrast",
            ["posterised-2", "posterised-3", "posterised-4", "binarised"],
        ),
    ],
)
def test_shares_of_degraded_faces_are_quoted(row: str, column: str, names: list[str]) -> None:
    (line,) = (cells(line) for line in DOCUMENT if line.startswith(f"| {row} |"))
    for quoted, section in zip(line[2:], SETS, strict=True):
        table = measured(f"Degraded: {section}")
        found = [f"{float(table[name][column]):.0f}" for name in names]
        shares = quoted.split(" %")[0].split(" / ")
        # One share that holds for all is said once.
        assert found == (shares * len(names) if len(shares) == 1 else shares)


def test_false_alarms_are_quoted() -> None:
    table = measured("False alarms")
    names = {
        "LFW, 999 people": "LFW",
        "Asian people, 1,000": "Asian",
        "UTKFace, black people, 151": "UTK black",
        "UTKFace, 60 and older, 164": "UTK, 60 and older",
        "All-Age-Faces, 60 and older, 152": "All-Age-Faces, 60 and older",
        "tight, plain, 487": "tight, plain",
    }
    for called, name in names.items():
        (line,) = (cells(line) for line in DOCUMENT if line.startswith(f"| {called} |"))
        columns = ("eyes", "mouth", "upside down", "squeezed", "resolution")
        quoted = [float(cell.split(" %")[0]) for cell in line[1:]]
        assert quoted == [float(table[name][column]) for column in columns]
    (masks,) = (cells(line) for line in DOCUMENT if line.startswith("| real masks"))
    real = measured("Real masks")["named as masked"]
    assert masks[-1] == f"{float(real['mouth']):.0f} %"
    assert f"{real['faces'].split()[0]} faces found on {real['faces'].split()[-1]}" in masks[0]
