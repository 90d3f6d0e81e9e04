"""Conditions on metadata: what they read, and that no value can break out of its text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renzheng import InvalidInput
from renzheng.gallery import Condition, Entry, Gallery
from renzheng.gallery.conditions import check_metadata, parse_value, quoted
from renzheng.types import Floats


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("country=CN", Condition("country", "=", "CN")),
        (" age >= 18 ", Condition("age", ">=", 18)),
        ("age<=17.5", Condition("age", "<=", 17.5)),
        ("vip=true", Condition("vip", "=", True)),
        ("vip!=false", Condition("vip", "!=", False)),
        ('code="18"', Condition("code", "=", "18")),
        ("code=007", Condition("code", "=", "007")),
        ("note=a=b", Condition("note", "=", "a=b")),
        ("note=", Condition("note", "=", "")),
        ("国家=中国", Condition("国家", "=", "中国")),
        ("n=NaN", Condition("n", "=", "NaN")),
        ("n=null", Condition("n", "=", "null")),
        ("n=[1]", Condition("n", "=", "[1]")),
        ("n=1e999", Condition("n", "=", "1e999")),
        ("person=17", Condition("person", "=", "17")),
        ("id=1e5", Condition("id", "=", "1e5")),
        ("id=-0", Condition("id", "=", "-0")),
        ('id="a b"', Condition("id", "=", "a b")),
        ('note="=x"', Condition("note", "=", "=x")),
        ("name=Jose\u0301", Condition("name", "=", "José")),
    ],
)
def test_reads_conditions_as_people_write_them(text: str, expected: Condition) -> None:
    assert Condition.parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "country", "=CN", "1st=x", "a b=c", "a'b=c", "vip>true", "country~CN"),
        *("country==CN", "age=>10", "country<>US", "x" * 99 + "=1"),
    ],
)
def test_refuses_what_is_no_condition(text: str) -> None:
    with pytest.raises(InvalidInput):
        Condition.parse(text)


@given(st.text())
def test_no_text_ends_its_literal_early(text: str) -> None:
    literal = quoted(text)
    assert literal[0] == literal[-1] == "'"
    assert literal[1:-1].replace("''", "'") == text
    assert literal[1:-1].replace("''", "").count("'") == 0


@given(
    st.one_of(
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
    )
)
def test_numbers_and_truth_are_read_as_what_they_are(value: object) -> None:
    import json

    read = parse_value(json.dumps(value))
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "metadata",
    [
        {"id": "x"},
        {"person": "x"},
        {"a": None},
        {"a": [1]},
        {"a": float("nan")},
        {"a": 2**60},
        {"a": "x" * 5000},
        {"": 1},
        {"a'b": 1},
        {"a": "\0"},
        {"a": "\ud800"},
        {f"k{n}": 1 for n in range(65)},
        {"A\ufb2a": 1},  # composed, this letter is another and a mark
        {"\u212b": 1, "\u00c5": 2},  # both are Å
    ],
)
def test_refuses_metadata_that_would_not_come_back(metadata: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        check_metadata(metadata)  # type: ignore[arg-type]


def test_a_key_is_one_however_its_accent_was_typed() -> None:
    assert check_metadata({"Jose\u0301": 1}) == {"Jos\u00e9": 1}
    assert Condition("Jose\u0301", "=", 1).key == "Jos\u00e9"


def test_the_engine_selects_what_the_conditions_say(
    gallery: Gallery, unit: Callable[..., Floats]
) -> None:
    rows = unit(6)
    said = [
        {"country": "CN", "age": 17, "vip": True},
        {"country": "CN", "age": 18, "vip": False},
        {"country": "O'Neil's", "age": 18.5},
        {"country": "CN' OR '1'='1"},
        {"age": "18"},
        {},
    ]
    gallery.add(
        Entry(f"e{k}", row, metadata=metadata, person=f"P{k % 2}")
        for k, (row, metadata) in enumerate(zip(rows, said, strict=True))
    )

    def ids(*texts: str) -> list[str]:
        by_scan = sorted(entry.id for entry in gallery.entries(texts))
        [near] = gallery.nearest(rows[:1], 10, where=texts)
        assert sorted(each.entry.id for each in near) == by_scan
        return by_scan

    assert ids("country=CN") == ["e0", "e1"]
    assert ids("country=O'Neil's") == ["e2"]
    assert ids("country=CN' OR '1'='1") == ["e3"]
    assert ids("age>=18") == ["e1", "e2"]
    assert ids("age=18") == ["e1"]
    assert ids('age="18"') == ["e4"]
    assert ids("vip=true") == ["e0"]
    assert ids("vip!=true") == ["e1"]
    assert ids("country!=CN") == ["e2", "e3"]
    assert ids("country=CN", "age<18") == ["e0"]
    assert ids("person=P1", "country=CN") == ["e1"]
    assert ids("id=e5") == ["e5"]
    assert ids("nobody=1") == []
    assert ids() == [f"e{k}" for k in range(6)]
