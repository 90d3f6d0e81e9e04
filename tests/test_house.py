"""The plan of the code and the form of its documentation, held by the code itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "renzheng"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST = 450  # lines: a longer file has more than one reason

# What reads like a note to oneself: "Of one side or both", "What it was taken for", "Told ...".
_STARTS = re.compile(r"(?:^|[.:;!?]\s+)(Of|What|Told)\b(?!\")")
_BARE = re.compile(r"^(Which|How|Whom?|Where|That|As|Whose)\b[^.\n]{0,12}\.?$")


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
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


@pytest.mark.parametrize("path", FILES, ids=_named)
def test_documentation_is_in_sentences(path: Path) -> None:
    """Descriptions are noun phrases or sentences, never fragments that begin in the middle."""
    wrong = []
    for line, text in _docstrings(ast.parse(path.read_text(encoding="utf-8"))):
        for paragraph in re.split(r"\n\s*\n|\n(?=\w[\w, *]*\n\s{4})", text):
            for part in re.split(r"(?m)^\S.*\n(?=\s{4})", paragraph):
                told = " ".join(part.split())
                if _STARTS.search(told) or _BARE.match(told):
                    wrong.append(f"{path.name}:{line}: {told[:80]}")
    assert not wrong, "\n".join(wrong)


# A function does something: "Return the distances", not "The distances" or "Is it near?".
_NO_VERBS = set(
    ["A", "All", "An", "And", "Any", "Are", "As", "At", "Both", "By", "Can", "Does", "Each", "Either", "Every", "Everyone", "Few", "For", "From", "Has", "Have", "How", "If", "In", "Is", "It", "Like", "Many", "More", "Most", "Much", "Nearly", "No", "None", "Not", "Nothing", "Of", "On", "One", "Only", "Or", "Other", "Our", "Out", "Over", "Several", "So", "Some", "Such", "Than", "That", "The", "These", "They", "This", "Those", "Three", "To", "Told", "Two", "Was", "Were", "What", "When", "Where", "Whether", "Which", "Who", "Whom", "Whose", "Why", "With"]
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
