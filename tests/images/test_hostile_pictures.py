"""Hostile files give the right picture or a clear error, soon and quietly."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from hostile import Case, generate
from renzheng.errors import RenzhengError, UnreadableImage
from renzheng.images import describe, read

SECONDS_A_FILE = 5.0
SECONDS_IN_ALL = 60.0


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return generate(tmp_path_factory.mktemp("hostile"), seed=20240607)


def outcome(case: Case) -> str | None:
    """Return what is wrong with the result of reading a case, or None."""
    start = time.perf_counter()
    try:
        picture = read(case.path)
    except RenzhengError as error:
        if case.expectation == "picture":
            return f"refused: {error}"
        if not isinstance(error, UnreadableImage):
            return f"wrong kind of error: {error!r}"
        if error.source != describe(case.path) or not error.reason or not error.remedy:
            return f"error without name, reason or remedy: {error}"
    except BaseException as error:  # the point of the test
        return f"{type(error).__name__} escaped: {error}"
    else:
        wrong = _wrong_picture(case, picture)
        if wrong:
            return wrong
    seconds = time.perf_counter() - start
    return f"took {seconds:.1f} s" if seconds > SECONDS_A_FILE else None


def _wrong_picture(case: Case, picture: np.ndarray) -> str | None:
    if case.expectation == "error":
        return f"accepted as a picture of {picture.shape}"
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        return f"not uint8 RGB: {picture.dtype} {picture.shape}"
    if not picture.flags.c_contiguous:
        return "not contiguous"
    if case.expected is None:
        return None
    if picture.shape != case.expected.shape:
        return f"{picture.shape} instead of {case.expected.shape}"
    off = float(np.abs(picture.astype(int) - case.expected.astype(int)).mean())
    return f"{off:.2f} levels off" if off > case.tolerance else None


def test_every_hostile_file_gives_an_error_or_the_right_picture(
    cases: list[Case], capfd: pytest.CaptureFixture[str]
) -> None:
    start = time.perf_counter()
    wrong = {case.path.name: text for case in cases if (text := outcome(case))}
    assert not wrong, "\n".join(f"{name!r}: {text}" for name, text in wrong.items())
    assert time.perf_counter() - start < SECONDS_IN_ALL
    printed = capfd.readouterr()
    assert printed.out == ""
    # libtiff tells of damage on stderr from C, which only a process-wide redirection would stop
    assert not any(word in printed.err for word in ("Warning", "Traceback", "PIL"))


def test_there_are_at_least_200_of_every_expectation_together(cases: list[Case]) -> None:
    assert len(cases) >= 200
    assert {case.expectation for case in cases} == {"error", "picture", "either"}
    assert len({case.path for case in cases}) == len(cases)


def test_the_same_seed_writes_the_same_files(tmp_path: Path, cases: list[Case]) -> None:
    again = generate(tmp_path, seed=20240607)
    pairs = zip(cases, again, strict=True)
    assert all(
        one.path.read_bytes() == two.path.read_bytes()
        for one, two in pairs
        if one.path.name.startswith("flip")
    )
