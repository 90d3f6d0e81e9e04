"""Which entries of a gallery a search looks at: conditions on their metadata."""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from renzheng.errors import InvalidInput

Value = str | int | float | bool

_OPERATORS = ("!=", ">=", "<=", "=", ">", "<")  # the longer ones first: `>=` begins with `>`
_KEY = re.compile(r"[^\W\d][\w-]{0,63}")
_COLUMNS = ("id", "person", "source", "picture")  # an entry's own, beside its metadata
_MOST_TEXT = 4096
_MOST_KEYS = 64
_EXACT = 2**53  # beyond it numbers are told apart by the engine's doubles no more


@dataclass(frozen=True)
class Condition:
    """One condition on an entry, such as ``country = CN`` or ``age >= 18``.

    An entry that lacks the key, or holds a value of another type there, does not fulfil it,
    whatever the operator.

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
        check_key(self.key)
        if self.operator not in _OPERATORS:
            raise InvalidInput(
                f"no operator is called {self.operator!r}",
                remedy=f"there are: {' '.join(_OPERATORS)}",
            )
        check_value(self.key, self.value)
        if isinstance(self.value, bool) and self.operator not in ("=", "!="):
            raise InvalidInput(f"{self.key}: true and false can be equal or not, no more")
        if self.key in _COLUMNS and not isinstance(self.value, str):
            raise InvalidInput(f"{self.key} is a text, not {self.value!r}")
        if isinstance(self.value, str):
            object.__setattr__(self, "value", normal(self.value))
        object.__setattr__(self, "key", normal(self.key))

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read ``KEY OPERATOR VALUE``, such as ``age>=18``; see `parse_value` for values.

        Raises
        ------
        InvalidInput
            If it is no condition.
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
        # Of an entry's own everything is a text, and 1e5 the text that was typed.
        return cls(key, operator, value if key in _COLUMNS and not isinstance(read, str) else read)

    def sql(self) -> str:
        """The condition in the engine's language; nothing in it can end a text early."""
        value = self.value
        if self.key in _COLUMNS:
            return f"({self.key} {self.operator} {quoted(str(value))})"
        # The engine would turn the text "18" into a number and a number into a text.
        kept = f"json_extract(metadata, '$.\"{self.key}\"')"
        if isinstance(value, bool):
            kind, column, literal = f"{kept} IN ('true', 'false')", "json_get_bool", str(value)
        elif isinstance(value, str):
            kind, column, literal = f"{kept} LIKE '\"%'", "json_get_string", quoted(value)
        else:
            kind = f"{kept} NOT LIKE '\"%' AND {kept} NOT IN ('true', 'false')"
            column, literal = "json_get_float", repr(float(value))
        # The kind last: it is then asked of those only that are left.
        return f"({column}(metadata, '{self.key}') {self.operator} {literal} AND {kind})"


def where(conditions: Iterable[Condition]) -> str | None:
    """All of the conditions as one, in the engine's language; None if there is none."""
    return " AND ".join(condition.sql() for condition in conditions) or None


def quoted(text: str) -> str:
    """A text as a literal of the engine's language."""
    return "'" + text.replace("'", "''") + "'"


def parse_value(text: str) -> Value:
    """A value as people write it.

    What JSON calls a number, ``true`` or ``false`` is one; anything else is a text. A text that
    looks like a number is kept one by double quotes: ``"18"``. ``007`` is a text.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, (int, float)):
        largest = _EXACT if isinstance(value, int) else sys.float_info.max
        return value if abs(value) <= largest else text  # not-a-number is no less than anything
    return value if isinstance(value, str) else text


def check_key(key: str) -> None:
    """Make sure that this can be a key of metadata.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise InvalidInput(
            f"{key!r} cannot be a key of metadata",
            remedy="a key starts with a letter and has up to 64 letters, digits, - and _",
        )


def check_value(key: str, value: object) -> None:
    """Make sure that this can be a value of metadata.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    if isinstance(value, str):
        if len(value) > _MOST_TEXT:
            raise InvalidInput(f"{key}: a text may have up to {_MOST_TEXT} characters")
        _check_text(key, value)
    elif isinstance(value, float):
        if not abs(value) < float("inf"):
            raise InvalidInput(f"{key}: a number must be finite, not {value}")
    elif isinstance(value, int):
        if abs(value) > _EXACT:
            raise InvalidInput(
                f"{key}: a number beyond 2^53 is not kept exactly", remedy="keep it as a text"
            )
    else:
        raise InvalidInput(f"{key}: a text, a number, true or false is wanted, not {value!r}")


def check_metadata(metadata: Mapping[str, Value]) -> dict[str, Value]:
    """A copy of an entry's metadata.

    Raises
    ------
    InvalidInput
        If a key or a value is none that is kept, or is that of a column.
    """
    if len(metadata) > _MOST_KEYS:
        raise InvalidInput(f"an entry has up to {_MOST_KEYS} keys of metadata")
    for key, value in metadata.items():
        check_key(key)
        if key in _COLUMNS:
            raise InvalidInput(f"{key!r} is an entry's own: metadata cannot have it as a key")
        check_value(key, value)
    return {
        normal(key): normal(value) if isinstance(value, str) else value
        for key, value in metadata.items()
    }


def check_name(what: str, name: object) -> str:
    """Make sure that this can name an entry or a person; in Unicode's composed form.

    Raises
    ------
    InvalidInput
        If it cannot.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > 255:
        raise InvalidInput(f"{what} is a text of 1 to 255 characters, not {name!r}")
    _check_text(what, name)
    return normal(name)


def normal(text: str) -> str:
    """Unicode's composed form: José is one name, however its accent was typed."""
    return unicodedata.normalize("NFC", text)


def _check_text(what: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:  # half of a surrogate pair: a name that is no UTF-8
        raise InvalidInput(f"{what} is no Unicode text: {text!r}") from error
    if "\0" in text:
        raise InvalidInput(f"{what} holds a null character")
