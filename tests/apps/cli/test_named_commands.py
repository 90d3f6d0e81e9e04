"""Every command that a message, a remedy or a help text names exists, with the options it names."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import renzheng
from renzheng.apps.cli import _COMMANDS, build_parser, next_commands
from renzheng.verification.calibration import Calibration

SOURCES = Path(renzheng.__file__).parent
# What a value inside a text, such as {path}, stands for.
VALUE = "1"
_NAMED = re.compile(r"renzheng (?=[a-z])")
_ENDS = re.compile(r"`|\n\n|\n(?! {8})|[;)]|, | \(|: |\. |$")
# A text shows a part of a command, or words of the reader's own in places of numbers.
_INCOMPLETE = re.compile(
    r"arguments are required|one of the arguments|invalid (int|float|place|_backend) value"
    r"|invalid choice: '[A-Z1]|expected (at least )?one argument"
)


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The texts of a module, with what they are put together from."""
    inner: set[int] = set()
    for node in ast.walk(tree):
        text = getattr(node, "value", None)
        if isinstance(node, ast.JoinedStr):
            parts = [
                each.value if isinstance(each, ast.Constant) else VALUE for each in node.values
            ]
            inner.update(id(each) for each in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(text, str) and id(node) not in inner:
            yield node.lineno, text


def named(text: str) -> Iterator[list[str]]:
    """The commands that a text names, in words, without their first."""
    for found in _NAMED.finditer(text):
        rest = text[found.end() :]
        end = _ENDS.search(rest)
        assert end is not None
        try:
            words = shlex.split(rest[: end.start()])
        except ValueError:
            words = rest[: end.start()].split()
        if words and words[0].rstrip(".,:") in known():
            yield [word.rstrip(".,:") for word in words if word not in ("...", "&&")]


def known() -> set[str]:
    return {command for commands in _COMMANDS.values() for command in commands}


class _WrongError(Exception):
    pass


def complaint(words: list[str], parser: argparse.ArgumentParser) -> str:
    """What is wrong with a command; empty if it parses, or would with more words."""
    try:
        _, left = parser.parse_known_args(words)
    except _WrongError as error:
        told = str(error)
        return "" if _INCOMPLETE.search(told) else told
    except SystemExit:
        return ""  # --help and --version
    return " ".join(word for word in left if word.startswith("-") and word != "-")


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> argparse.ArgumentParser:
    def fail(self: argparse.ArgumentParser, message: str) -> None:
        raise _WrongError(message)

    monkeypatch.setattr(argparse.ArgumentParser, "error", fail)
    return build_parser()


def test_each_named_command_exists_with_its_options(
    parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong, seen = [], 0
    for path in sorted(SOURCES.rglob("*.py")):
        for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            for words in named(text):
                seen += 1
                if told := complaint(words, parser):
                    where = path.relative_to(SOURCES)
                    wrong.append(f"{where}:{line}: renzheng {' '.join(words)}: {told}")
    capsys.readouterr()
    assert not wrong, "\n".join(wrong)
    assert seen > 60  # they are found


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("use `renzheng serve --compare-only`", "--compare-only"),
        ("renzheng packs ad sface", "invalid choice: 'ad'"),
        ("renzheng packs add sface; it is one", ""),
        ("renzheng verify --pack X ID_PHOTO LIVE_PHOTO decides", ""),
        ("renzheng verify --max-fmr RATE a b", ""),
        ("renzheng reads pictures --none", None),
    ],
)
def test_it_would_be_noticed(text: str, told: str | None, parser: argparse.ArgumentParser) -> None:
    found = [complaint(words, parser) for words in named(text)]
    if told is None:
        assert found == []
    else:
        assert told in found[0] if told else found == [""]


# The command after a calibration


def reaching(resolution: float) -> Calibration:
    rates = np.array([resolution, 1.0])
    return Calibration(np.array([0.5, 1.5]), rates, 1 - rates, resolution)


@pytest.mark.parametrize(
    ("resolution", "asked"), [(4e-6, None), (1e-4, None), (1.231e-3, "0.0013"), (0.0301, "0.031")]
)
def test_the_command_asks_for_no_rate_below_what_is_promised(
    resolution: float, asked: str | None
) -> None:
    calibration = reaching(resolution)
    words = shlex.split(next_commands.verifying(Path("a pack"), calibration))
    assert words[:4] == ["renzheng", "verify", "--pack", "a pack"]
    assert words[-2:] == ["ID_PHOTO", "LIVE_PHOTO"]
    arguments = build_parser("verify").parse_args(words[1:])
    calibration.threshold_at(arguments.max_fmr)
    assert (words[4:-2] == ["--max-fmr", asked]) if asked else (words[4:-2] == [])
    assert ("780 people" in next_commands.reach(calibration)) is (asked is not None)
