"""What documents say of the default pack is what `benchmarks/results.json` says."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from renzheng.models import packs

ROOT = Path(__file__).resolve().parent.parent
BENCHMARKS = ROOT / "benchmarks"
if not (BENCHMARKS / "results.py").is_file():
    pytest.skip("an sdist has no benchmarks", allow_module_level=True)

MADE_UP = {
    "sections": {
        "lfw-all": {
            "title": "LFW, everyone against everyone",
            "commands": ["renzheng evaluate lfw --data LFW --view all"],
            "pack": {"name": "made-up", "version": "1", "digest": "0" * 64},
            "date": "2026-01-01",
            "values": {
                "impostor": 87_294_040,
                "finest_fmr": 4.2e-7,
                "fnmr": {
                    "1e-2": {"value": 0.0021, "low": 0.001, "high": 0.0034, "supported": True},
                    "1e-6": {"value": 0.0312, "low": 0.021, "high": 0.062, "supported": False},
                },
                "fnmr_of_people": {
                    "1e-2": {"value": 0.003, "low": 0.001, "high": 0.004},
                    "1e-6": {"value": 0.05, "low": None, "high": None},
                },
                "people_pairs": {"1e-2": 315_213, "1e-6": 12},
            },
        }
    }
}
QUOTES = """\
Of <!-- results:value lfw-all.impostor --><!-- /results --> comparisons
at most <!-- results:interval lfw-all.fnmr.1e-2 -->x<!-- /results --> fail.

<!-- results:lfw-all -->
<!-- /results -->
"""


@pytest.fixture
def quoting(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("results_quoting")


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("results_measuring")


@pytest.fixture
def results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((BENCHMARKS / "results.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture
def quoted(tmp_path: Path, quoting: ModuleType) -> Path:
    """A repository whose documents quote made-up results."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "benchmarks").mkdir()
    for name in ("README.md", "README.zh-CN.md", "docs/one.md", "benchmarks/README.md"):
        (tmp_path / name).write_text(QUOTES, encoding="utf-8")
    assert quoting.write_documents(tmp_path, MADE_UP) == []
    return tmp_path


def test_the_results_are_whole_and_of_this_pack(
    results: dict[str, Any], measuring: ModuleType
) -> None:
    definition = packs.definition(packs.DEFAULT_EMBEDDER)
    assert list(results) == ["sections"]
    for name, section in results["sections"].items():
        assert name in measuring.SECTIONS
        assert section["commands"] == list(measuring.SECTIONS[name].commands)
        assert section["pack"]["name"] == packs.DEFAULT_EMBEDDER
        assert section["pack"]["version"] == definition["version"], f"{name}: measure it again"
        assert re.fullmatch(r"[0-9a-f]{64}", section["pack"]["digest"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", section["date"])
        assert section["draws"] is None, f"{name}: measured with --draws, to try the code"
        assert section["values"]


def test_the_results_name_no_folder_of_the_machine(results: dict[str, Any]) -> None:
    text = json.dumps(results)
    assert not re.search(r"(?:^|[\s\"'=])(?:/|~/|[A-Z]:\\)\w", text)


def test_documents_say_what_the_results_say(results: dict[str, Any], quoting: ModuleType) -> None:
    assert quoting.stale(ROOT, results) == [], "run python benchmarks/results.py --write-docs"


def test_everything_that_documents_quote_is_measured(
    results: dict[str, Any], quoting: ModuleType
) -> None:
    missing = set()
    for path in quoting.documents(ROOT):
        missing.update(quoting.rewritten(path.read_text(encoding="utf-8"), results)[1])
    if missing:
        pytest.skip(f"{len(missing)} quotations say that they are not measured yet")


def test_quotations_are_rendered(quoted: Path, quoting: ModuleType) -> None:
    text = (quoted / "README.md").read_text(encoding="utf-8")
    assert "-->87,294,040<!--" in text
    assert "-->0.21 % [0.10, 0.34]<!--" in text
    assert "| 1e-6 (!) | 3.1 % [2.1, 6.2] | 5.0 % | 12 |" in text
    assert quoting.stale(quoted, MADE_UP) == []


@pytest.mark.parametrize(
    ("was", "wrong"), [("0.21 %", "0.12 %"), ("| 12 |", "| 13 |"), ("040", "041")]
)
def test_an_altered_number_is_noticed(
    quoted: Path, quoting: ModuleType, was: str, wrong: str
) -> None:
    path = quoted / "docs" / "one.md"
    text = path.read_text(encoding="utf-8")
    assert was in text
    path.write_text(text.replace(was, wrong, 1), encoding="utf-8")
    assert quoting.stale(quoted, MADE_UP) == ["docs/one.md"]


def test_a_number_altered_in_a_copy_of_our_documents_is_noticed(
    results: dict[str, Any], quoting: ModuleType, tmp_path: Path
) -> None:
    for path in [*quoting.documents(ROOT), ROOT / quoting.READABLE]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(path, copy)
    assert quoting.stale(tmp_path, results) == []
    readme = tmp_path / "README.md"
    text = readme.read_text(encoding="utf-8")
    # a digit of the first table, or a letter of what says that there is none yet
    altered, count = re.subn(r"(<!-- results:lfw-view-2 -->\n)", r"\g<1>9", text)
    assert count == 1
    readme.write_text(altered, encoding="utf-8")
    assert quoting.stale(tmp_path, results) == ["README.md"]


def test_nothing_is_written_where_a_document_asks_for_what_there_is_not(
    quoted: Path, quoting: ModuleType
) -> None:
    (quoted / "docs" / "one.md").write_text("so <!-- results:value no.where --><!-- /results -->")
    before = (quoted / "README.md").read_text(encoding="utf-8")
    changed = json.loads(json.dumps(MADE_UP))
    changed["sections"]["lfw-all"]["values"]["impostor"] += 1
    with pytest.raises(quoting.MisquotedError, match=r"docs/one\.md"):
        quoting.write_documents(quoted, changed)
    assert (quoted / "README.md").read_text(encoding="utf-8") == before


def test_changed_results_make_documents_stale(quoted: Path, quoting: ModuleType) -> None:
    changed = json.loads(json.dumps(MADE_UP))
    changed["sections"]["lfw-all"]["values"]["impostor"] += 1
    assert "README.md" in quoting.stale(quoted, changed)
    assert quoting.stale(quoted, {"sections": {}}) != []


@pytest.mark.parametrize(
    "text",
    [
        "<!-- results:nonsense -->\n<!-- /results -->",
        "<!-- results:lfw-all:xx -->\n<!-- /results -->",
        "<!-- results: -->\n<!-- /results -->",
        "so <!-- results:value nonsense.fnmr --><!-- /results -->",
        "so <!-- results:value lfw-all.nonsense --><!-- /results -->",
        "so <!-- results:value lfw-all.fnmr --><!-- /results -->",
        "so <!-- results:value --><!-- /results -->",
        "<!-- results:value lfw-all.impostor --><!-- /results --> begins a line",
        "- <!-- results:value lfw-all.impostor --><!-- /results --> begins an item",
        "a table <!-- results:lfw-all --><!-- /results --> in a line",
        "<!-- results:lfw-all -->\nwithout an end",
        "without a beginning <!-- /results -->",
        "<!-- results:lfw-all -->\n<!-- results:lfw-all -->\n<!-- /results -->",
    ],
)
def test_what_cannot_be_quoted_fails(quoting: ModuleType, text: str) -> None:
    with pytest.raises(quoting.MisquotedError):
        quoting.rewritten(text, MADE_UP)


def test_an_unknown_name_fails_before_anything_is_measured(quoting: ModuleType) -> None:
    for name in ("nonsense", "value nonsense.fnmr"):
        with pytest.raises(quoting.MisquotedError):
            quoting.render(name, {"sections": {}})


def test_what_is_not_measured_says_so(quoting: ModuleType) -> None:
    for name in (*quoting.TABLES, "value lfw-all.fnmr.1e-4"):
        assert quoting.render(name, {"sections": {}}) == (quoting.NOT_YET["en"], False)
    assert quoting.render("tight:zh", {"sections": {}}) == (quoting.NOT_YET["zh"], False)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0 %"),
        (1.2e-6, "0.0001 %"),
        (0.00013, "0.013 %"),
        (0.0054, "0.54 %"),
        (0.172, "17.2 %"),
        (0.9913, "99.13 %"),
        (1, "100 %"),
        (None, "-"),
    ],
)
def test_shares(quoting: ModuleType, value: float, shown: str) -> None:
    assert quoting.share(value) == shown


@pytest.mark.parametrize(
    ("value", "near", "shown"),
    [
        (0, None, "0"),
        (9.38e-5, None, "9.4e-5"),
        (9.38e-5, 1e-4, "0.94e-4"),
        (2.7e-3, 1e-4, "27e-4"),
        (0.084, 1e-4, "8.4e-2"),
        (0.24, 1e-4, "0.24"),
        ({"value": 0, "low": 0, "high": 3.2e-5}, 1e-4, "0 [0, 3.2e-5]"),
        ({"value": 1.6e-4, "low": 8.1e-5, "high": 2.8e-4}, 1e-4, "1.6e-4 [0.81e-4, 2.8e-4]"),
    ],
)
def test_rates(quoting: ModuleType, value: Any, near: float | None, shown: str) -> None:
    assert quoting.rate(value, near, interval=True) == shown


def test_a_section_is_stale_where_a_network_is_another(measuring: ModuleType) -> None:
    pack = {"version": "1", "digest": "a", "network_digest": "n", "calibration_digest": "c"}
    now = {"pack": pack, "beside": None, "detection_revision": 2}
    kept = {**now, "values": {}, "date": "2026-01-01"}
    assert not measuring.is_stale(kept, now)
    assert not measuring.is_stale(kept, {**now, "pack": {**pack, "digest": "b"}})  # words
    assert measuring.is_stale(kept, {**now, "pack": {**pack, "calibration_digest": "d"}})
    assert measuring.is_stale(kept, {**now, "pack": {**pack, "version": "2"}})
    assert measuring.is_stale(kept, {**now, "detection_revision": 3})
