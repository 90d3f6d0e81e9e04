"""Conditions on the metadata of entries, which limit a search to a part of a gallery."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from renzheng._support.notation import from_json
from renzheng.errors import InvalidInput

Value = str | int | float | bool

_OPERATORS = ("!=", ">=", "<=", "=", ">", "<")  # the longer ones first: `>=` begins with `>`
_KEY = re.compile(r"[^\W\d][\w-]{0,63}")
_COLUMNS = ("id", "person", "source", "picture")  # fields of an entry beside its metadata
_MAX_TEXT = 4096  # characters
_MAX_KEYS = 64
_EXACT = 2**53  # LanceDB's doubles are exact up to here


@dataclass(frozen=True)
class Condition:
    """One condition on an entry, such as ``country = CN`` or ``age >= 18``.

    An entry that lacks the key, or has a value of another type there, does not meet it, whatever
    the operator.

    Attributes
    ----------
    key
        A key of the metadata, or ``id``, ``person``, ``source`` or ``picture``.
    operator
        ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
    value
        A text, a number, or True or False.
    """

    key: str
    operator: str
    value: Value

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", check_key(self.key))
        if self.operator not in _OPERATORS:
            raise InvalidInput(
                f"unknown operator {self.operator!r}",
                remedy=f"use one of {' '.join(_OPERATORS)}",
            )
        check_value(self.key, self.value)
        if isinstance(self.value, bool) and self.operator not in ("=", "!="):
            raise InvalidInput(f"{self.key}: true and false can only be compared with = and !=")
        if self.key in _COLUMNS and not isinstance(self.value, str):
            raise InvalidInput(f"{self.key} must be a text, not {self.value!r}")
        if isinstance(self.value, str):
            object.__setattr__(self, "value", normal(self.value))

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``KEY OPERATOR VALUE``, such as ``age>=18``; see `parse_value` for values.

        Raises
        ------
        InvalidInput
            If the text is no condition.
        """
        found = re.fullmatch(r"\s*([^=<>!]+?)\s*(!=|>=|<=|=|>|<)\s*(.*?)\s*", text, re.DOTALL)
        if found is None:
            raise InvalidInput(
                f"{text!r} is no condition", remedy="write it like country=CN or 'age>=18'"
            )
        key, operator, value = found.groups()
        if value[:1] in ("=", "<", ">"):
            raise InvalidInput(
                f"{text!r} is no condition",
                remedy=f"the operators are {' '.join(_OPERATORS)}; put such a value into "
                "double quotes",
            )
        read = parse_value(value)
        # The fields of an entry are texts: 1e5 is the text as it was typed.
        return cls(key, operator, value if key in _COLUMNS and not isinstance(read, str) else read)

    def sql(self) -> str:
        """Return the condition in LanceDB's language; no value can break out of its literal."""
        value = self.value
        if self.key in _COLUMNS:
            return f"({self.key} {self.operator} {quoted(str(value))})"
        # LanceDB would turn the text "18" into a number and a number into a text.
        stored = f"json_extract(metadata, '$.\"{self.key}\"')"
        if isinstance(value, bool):
            kind, column, literal = f"{stored} IN ('true', 'false')", "json_get_bool", str(value)
        elif isinstance(value, str):
            kind, column, literal = f"{stored} LIKE '\"%'", "json_get_string", quoted(value)
        else:
            kind = f"{stored} NOT LIKE '\"%' AND {stored} NOT IN ('true', 'false')"
            column, literal = "json_get_float", repr(float(value))
        # The type comes last, so that it is checked only for the entries that are left.
        return f"({column}(metadata, '{self.key}') {self.operator} {literal} AND {kind})"


Filter = Iterable[Condition | str]  # texts such as ``age>=18`` among them; an entry meets all


def as_conditions(conditions: Filter) -> list[Condition]:
    """Return conditions, some of them given as texts, as `Condition` objects."""
    return [each if isinstance(each, Condition) else Condition.parse(each) for each in conditions]


def as_sql(conditions: Filter) -> str | None:
    """Return all conditions as one, in LanceDB's language; None if there are none."""
    return " AND ".join(each.sql() for each in as_conditions(conditions)) or None


def quoted(text: str) -> str:
    """Return a text as a literal of LanceDB's language."""
    return "'" + text.replace("'", "''") + "'"


def parse_value(text: str) -> Value:
    """Return a value that is written as a text.

    JSON's numbers, ``true`` and ``false`` are read as such; anything else is a text. Double quotes
    make a text of a number: ``"18"``. ``007`` is a text.
    """
    try:
        value = from_json(text)
    except ValueError:
        return text
    if isinstance(value, (int, float)):
        largest = _EXACT if isinstance(value, int) else sys.float_info.max
        return value if abs(value) <= largest else text  # NaN fails the comparison, and is a text
    return value if isinstance(value, str) else text


def check_key(key: str) -> str:
    """Return a key of metadata in Unicode's composed form, which is what is stored.

    Raises
    ------
    InvalidInput
        If this cannot be a key.
    """
    # The composed form of some letters is a letter and a mark, which no key may have.
    composed = normal(key) if isinstance(key, str) else ""
    if not _KEY.fullmatch(composed):
        raise InvalidInput(
            f"{key!r} cannot be a key of metadata",
            remedy="a key starts with a letter and has up to 64 letters, digits, - and _",
        )
    return composed


def check_value(key: str, value: object) -> None:
    """Check that this can be a value of metadata.

    Raises
    ------
    InvalidInput
        If it cannot.
    """
    if isinstance(value, str):
        if len(value) > _MAX_TEXT:
            raise InvalidInput(f"{key}: a text may have up to {_MAX_TEXT} characters")
        _check_text(key, value)
    elif isinstance(value, float):
        if not abs(value) < float("inf"):
            raise InvalidInput(f"{key}: a number must be finite, not {value}")
    elif isinstance(value, int):
        if abs(value) > _EXACT:
            raise InvalidInput(
                f"{key}: a number beyond 2^53 is not stored exactly", remedy="store it as a text"
            )
    else:
        raise InvalidInput(f"{key}: must be a text, a number, true or false, not {value!r}")


def check_metadata(metadata: Mapping[str, Value]) -> dict[str, Value]:
    """Return a copy of an entry's metadata, its texts in Unicode's composed form.

    Raises
    ------
    InvalidInput
        If a key or a value cannot be stored, or a key is a field of the entry.
    """
    if len(metadata) > _MAX_KEYS:
        raise InvalidInput(f"an entry can have up to {_MAX_KEYS} keys of metadata")
    checked: dict[str, Value] = {}
    for given, value in metadata.items():
        key = check_key(given)
        if key in _COLUMNS:
            raise InvalidInput(f"{key!r} is a field of entries, and cannot be a key of metadata")
        if key in checked:
            raise InvalidInput(f"the key {key!r} of metadata is there twice")
        check_value(key, value)
        checked[key] = normal(value) if isinstance(value, str) else value
    return checked


def check_name(what: str, name: object) -> str:
    """Return the name of an entry or a person in Unicode's composed form.

    Raises
    ------
    InvalidInput
        If it is no such name.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > 255:
        raise InvalidInput(f"{what} must be a text of 1 to 255 characters, not {name!r}")
    _check_text(what, name)
    return normal(name)


def normal(text: str) -> str:
    """Return Unicode's composed form: José is one name, however its accent was typed."""
    return unicodedata.normalize("NFC", text)


def _check_text(what: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise InvalidInput(f"{what} is no Unicode text: {text!r}") from error
    if "\0" in text:
        raise InvalidInput(f"{what} must not contain a null character")
