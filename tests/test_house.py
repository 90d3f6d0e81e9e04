"""The plan of the code and the form of its documentation, checked on the code itself."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import renzheng
from renzheng import _renamed

SOURCE = Path(__file__).resolve().parents[1] / "src" / "renzheng"
FILES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 450  # a longer file has more than one reason

# Starts of fragments that read like a note: "Of one side or both", "What it was taken for".
_STARTS = re.compile(r"(?:^|[.:;!?]\s+)(Of|What|Told)\b(?!\")")
_BARE = re.compile(r"^(Which|How|Whom?|Where|That|As(?! in\b)|Whose)\b[^.\n]{0,12}\.?$")


def _named(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def _docstrings(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_a_file_has_one_reason(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_documentation_is_in_sentences(path: Path) -> None:
    """Descriptions are noun phrases or sentences, never fragments that begin in the middle."""
    wrong = []
    for line, text in _docstrings(ast.parse(path.read_text(encoding="utf-8"))):
        for paragraph in re.split(r"\n\s*\n|\n(?=\w[\w, *]*\n\s{4})", text):
            for part in re.split(r"(?m)^\S.*\n(?=\s{4})", paragraph):
                sentence = " ".join(part.split())
                if _STARTS.search(sentence) or _BARE.match(sentence):
                    wrong.append(f"{path.name}:{line}: {sentence[:80]}")
    assert not wrong, "\n".join(wrong)


def test_no_two_files_of_tests_have_one_name() -> None:
    # pytest imports them by their bare name: of two, the second would not be run.
    names = Counter(path.name for path in Path(__file__).parent.rglob("*.py"))
    names.pop("conftest.py")
    assert [name for name, count in names.items() if count > 1] == []


# A function does something: "Return the distances", not "The distances" or "Is it near?".
_NO_VERBS = frozenset(
    re.findall(
        r"\w+",
        """
    A All An And Any Are As At Both By Can Does Each Either Every Everyone Few For From
    Has Have How If In Is It Like Many More Most Much Nearly No None Not Nothing Of On One
    Only Or Other Our Out Over Several So Some Such Than That The These They This Those
    Three To Told Two Was Were What When Where Whether Which Who Whom Whose Why With
    """,
    )
)


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_a_function_is_described_by_a_verb(path: Path) -> None:
    """Properties are attributes, and described as such."""
    wrong = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        text = ast.get_docstring(node)
        decorators = {ast.unparse(each).split(".")[-1] for each in node.decorator_list}
        if not text or decorators & {"property", "cached_property", "setter"}:
            continue
        first = re.split(r"\W", text.strip(), maxsplit=1)[0]
        if first in _NO_VERBS:
            wrong.append(f"{path.name}:{node.lineno}: {text.splitlines()[0][:80]}")
    assert not wrong, "\n".join(wrong)


def _renamed_attributes() -> Iterator[tuple[str, str, str, str]]:
    """Yield the module, class, old and new name of each `RenamedAttribute` in the source."""
    for path in FILES:
        module = ".".join(("renzheng", *path.relative_to(SOURCE).with_suffix("").parts))
        for owner in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for node in owner.body if isinstance(owner, ast.ClassDef) else ():
                if isinstance(node, ast.Assign) and "RenamedAttribute(" in ast.unparse(node.value):
                    (target,), (new,) = node.targets, node.value.args  # type: ignore[attr-defined]
                    yield module, owner.name, ast.unparse(target), ast.literal_eval(new)


def _run(code: str, **names: Any) -> dict[str, Any]:
    """Run code as a part of this file, which is where its warnings have to point."""
    exec(compile(code, __file__, "exec"), names)
    return names


@pytest.mark.parametrize(("old", "new"), list(_renamed.MODULES.items()))
def test_a_module_can_be_imported_by_its_old_name(
    monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    now = import_module(f"renzheng.{new}")
    monkeypatch.setitem(sys.modules, f"renzheng.{old}", now)  # the end restores it
    monkeypatch.delitem(sys.modules, f"renzheng.{old}")
    monkeypatch.setattr(renzheng, old, None, raising=False)
    spec = now.__spec__
    with pytest.warns(DeprecationWarning, match=" is now renzheng") as found:
        names = _run(f"import renzheng.{old} as module")
    assert names["module"] is now
    assert now.__spec__ is spec
    assert str(found[-1].message).startswith(f"renzheng.{old} is now renzheng.{new};")
    assert {each.filename for each in found} == {__file__}  # its package's name is old too


def test_a_part_of_a_renamed_package_is_not_loaded_twice() -> None:
    now = import_module("renzheng.datasets.specimens.drawing")
    with pytest.warns(DeprecationWarning, match=r"specimens(\.drawing)? is now"):
        assert import_module("renzheng.specimens.drawing") is now


def test_the_settings_of_a_batch_can_be_had_by_their_old_name() -> None:
    from renzheng.apps import batch

    with pytest.warns(DeprecationWarning, match=r"renzheng\.apps\.batch\.VerifierConfig;") as found:
        assert batch.Settings is batch.VerifierConfig
    assert [each.filename for each in found] == [__file__]


@pytest.mark.parametrize(("old", "new"), list(_renamed.CLASSES.items()))
@pytest.mark.parametrize("code", ["from renzheng import {} as found", "found = renzheng.{}"])
def test_a_class_can_be_had_by_its_old_name(old: str, new: str, code: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"{old} is now renzheng.{new};") as found:
        names = _run(code.format(old), renzheng=renzheng)
    assert names["found"] is getattr(renzheng, new)
    assert {each.filename for each in found} == {__file__}


@pytest.mark.parametrize(("module", "owner", "old", "new"), list(_renamed_attributes()))
def test_an_attribute_can_be_read_by_its_old_name(
    module: str, owner: str, old: str, new: str
) -> None:
    value = object()
    cls = type(owner, (getattr(import_module(module), owner),), {new: value})
    for instance in (cls, object.__new__(cls)):
        with pytest.warns(DeprecationWarning, match=rf"{owner}\.{old} is now .*{new};") as found:
            assert getattr(instance, old) is value
        assert [each.filename for each in found] == [__file__]


def test_there_are_renamed_attributes() -> None:
    assert len(list(_renamed_attributes())) >= 6
