"""JSON and TOML that are made to cost minutes or the stack are refused at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from renzheng import InvalidInput, Pack, PackError
from renzheng._support.notation import MAX_DEPTH, MAX_PARTS, MAX_TOML, from_json, from_toml
from renzheng.gallery.conditions import parse_value
from renzheng.verification.calibration import Calibration


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_what_is_well_formed_is_read() -> None:
    assert from_json('{"a": [1, {"b": null}]}') == {"a": [1, {"b": None}]}
    assert from_json(b"[1.5]") == [1.5]
    assert from_json(nested(MAX_DEPTH + 1)) is not None
    assert from_json("[" + "[]," * 500 + "[]]") == [[]] * 501
    assert from_toml('[a.b]\n"c d".e = "1.2.3"') == {"a": {"b": {"c d": {"e": "1.2.3"}}}}
    assert from_toml(f"{'.'.join(['a'] * MAX_PARTS)} = 1")
    sentences = "Never mind this. " * 50
    assert from_toml(f'a = "{sentences}"') == {"a": sentences}


@pytest.mark.parametrize("text", ["", "{", "[1,]", b"\xff"])
def test_what_is_not_json_stays_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        from_json(text)


@pytest.mark.parametrize(
    "text", [nested(60_000), "[" * 60_000, '{"a":' * 60_000, nested(5_000), nested(MAX_DEPTH + 2)]
)
def test_json_that_nests_too_deeply_is_one_error(text: str) -> None:
    for content in (text, text.encode()):
        with pytest.raises(InvalidInput, match="nests deeper than 100 levels"):
            from_json(content)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"x = {nested(60_000)}", "nests deeper"),
        (f"x = {nested(MAX_DEPTH + 50)}", "nests deeper"),
        ("x = " + "{a=" * 60_000, "nests deeper"),
        ("a" + ".a" * 20_000 + " = 1", "more than 16 parts"),
        ("[" + "a." * 20_000 + "a]", "more than 16 parts"),
        ("[[" + "a . " * 20_000 + "a]]", "more than 16 parts"),
        ("x = {" + "'a'.\"b\"." * 10_000 + "a = 1}", "more than 16 parts"),
        ("x = 1\n" * (MAX_TOML // 6 + 1), "longer than 1 Mi"),
    ],
)
def test_toml_bombs_are_one_error_at_once(text: str, reason: str) -> None:
    start = time.perf_counter()
    with pytest.raises(InvalidInput, match=reason):
        from_toml(text)
    assert time.perf_counter() - start < 5  # keys of 20,000 parts took 21 s; this takes 10 ms


def test_a_manifest_and_a_calibration_say_so(tmp_path: Path) -> None:
    (tmp_path / "pack.toml").write_text("a" + ".a" * 20_000 + " = 1")
    with pytest.raises(PackError, match="not a pack manifest: a key has more than 16 parts"):
        Pack.load(tmp_path)
    (tmp_path / "pack.toml").write_text(f"a = {nested(60_000)}")
    with pytest.raises(PackError, match="not a pack manifest: it nests deeper"):
        Pack.load(tmp_path)
    (tmp_path / "calibration.json").write_text(nested(60_000))
    with pytest.raises(PackError, match="not a calibration: it nests deeper"):
        Calibration.load(tmp_path / "calibration.json")


def test_a_condition_that_nests_too_deeply_is_a_text() -> None:
    assert parse_value("[" * 60_000) == "[" * 60_000


def test_a_recipe_says_so(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    from renzheng.training import recipe

    path = tmp_path / "recipe.toml"
    path.write_text(f"x = {nested(60_000)}")
    with pytest.raises(InvalidInput, match="nests deeper"):
        recipe.load(path)
    path.write_text("")
    for override in (f"x={nested(60_000)}", "a" + ".a" * 20_000 + "=1"):
        with pytest.raises(InvalidInput, match=r"nests deeper|at most 16 parts"):
            recipe.load(path, [override])
