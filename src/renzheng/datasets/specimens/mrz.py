"""Machine-readable lines of ICAO Doc 9303: parts 3 (check digits), 4 (TD3) and 5 (TD1)."""

from __future__ import annotations

from renzheng.errors import InvalidInput

COUNTRY = "UTO"  # Utopia: reserved by ICAO for specimens
_WEIGHTS = (7, 3, 1)


def check_digit(text: str) -> str:
    """Return the check digit of digits, capital letters and fillers (``<``).

    Raises
    ------
    InvalidInput
        If the text has any other character.
    """
    return str(sum(_value(c) * _WEIGHTS[k % 3] for k, c in enumerate(text)) % 10)


def td1(
    number: str, birth: str, sex: str, expires: str, surname: str, given: str
) -> tuple[str, str, str]:
    """Return the three lines of an identity card, 30 characters each.

    Parameters
    ----------
    number
        The document's number, at most 9 capital letters and digits.
    birth, expires
        YYMMDD.
    sex
        ``F``, ``M`` or ``<``.
    surname, given
        Capital letters; spaces and hyphens become fillers, what is too long is cut.

    Raises
    ------
    InvalidInput
        If a value is too long or has a character that cannot stand there.
    """
    first = f"I<{COUNTRY}{_number(number)}".ljust(30, "<")
    dates = _date(birth), sex, _date(expires)
    second = "".join(dates) + COUNTRY + "<" * 11
    composite = check_digit(first[5:] + dates[0] + dates[2] + "<" * 11)
    return first, second + composite, _names(surname, given, 30)


def td3(
    number: str,
    birth: str,
    sex: str,
    expires: str,
    surname: str,
    given: str,
    personal: str = "",
) -> tuple[str, str]:
    """Return the two lines of a passport, 44 characters each.

    Parameters
    ----------
    number, birth, sex, expires, surname, given
        See `td1`.
    personal
        The personal number, at most 14 characters; may be empty.

    Raises
    ------
    InvalidInput
        If a value is too long or has a character that cannot stand there.
    """
    if len(personal) > 14:
        raise InvalidInput("a personal number has at most 14 characters")
    optional = personal.ljust(14, "<")
    optional += check_digit(optional)
    parts = _number(number), _date(birth), _date(expires)
    composite = check_digit("".join(parts) + optional)
    second = parts[0] + COUNTRY + parts[1] + sex + parts[2] + optional + composite
    return f"P<{COUNTRY}" + _names(surname, given, 39), second


def _value(character: str) -> int:
    if "0" <= character <= "9":
        return ord(character) - ord("0")
    if "A" <= character <= "Z":
        return ord(character) - ord("A") + 10
    if character == "<":
        return 0
    raise InvalidInput(f"{character!r} cannot stand in a machine-readable line")


def _number(number: str) -> str:
    if not 1 <= len(number) <= 9:
        raise InvalidInput("a document number has 1 to 9 characters")
    whole = number.ljust(9, "<")
    return whole + check_digit(whole)


def _date(date: str) -> str:
    if len(date) != 6 or not (date.isascii() and date.isdigit()):
        raise InvalidInput(f"a date is YYMMDD, not {date!r}")
    return date + check_digit(date)


def _names(surname: str, given: str, length: int) -> str:
    line = "<<".join(part.replace(" ", "<").replace("-", "<") for part in (surname, given))
    for character in line:
        _value(character)
    return line[:length].ljust(length, "<")
