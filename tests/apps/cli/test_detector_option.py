"""Every command that looks for faces lets its detector be chosen."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import pytest

from renzheng.apps import cli
from renzheng.apps.cli import build_parser
from renzheng.models.defaults import DEFAULT_DETECTOR


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from commands(each)


def options_of(parser: argparse.ArgumentParser) -> dict[str, argparse.Action]:
    return {name: action for action in parser._actions for name in action.option_strings}


def test_whoever_looks_for_faces_lets_the_detector_be_chosen() -> None:
    looking = {c.prog: options_of(c) for c in commands(build_parser())}
    looking = {name: o for name, o in looking.items() if "--min-face-size" in o}
    assert len(looking) > 15
    lacking = [name for name, options in looking.items() if "--detector" not in options]
    assert not lacking
    assert {options["--detector"].default for options in looking.values()} == {DEFAULT_DETECTOR}


@pytest.mark.parametrize(
    ("named", "said"),
    [("yunit", "unknown pack 'yunit'"), ("sface", "is of kind embedder, not detector")],
)
def test_what_is_no_detector_is_refused(
    named: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["detect", "none.jpg", "--detector", named]) not in (0, 4)
    assert said in capsys.readouterr().err
