"""Check digits and lines against the examples that ICAO Doc 9303 prints."""

from __future__ import annotations

import numpy as np
import pytest

from renzheng import InvalidInput
from renzheng.datasets.specimens import mrz
from renzheng.datasets.specimens.holder import invent


@pytest.mark.parametrize(
    ("text", "digit"),
    [
        ("520727", "3"),  # part 3, 4.9: 5*7 + 2*3 + 0*1 + 7*7 + 2*3 + 7*1 = 103
        ("AB2134<<<", "5"),  # part 3, 4.9
        ("L898902C3", "6"),
        ("D23145890", "7"),
        ("ZE184226B<<<<<", "1"),
        ("<<<<", "0"),
    ],
)
def test_check_digits_of_the_standard(text: str, digit: str) -> None:
    assert mrz.check_digit(text) == digit


def test_an_identity_card_of_the_standard() -> None:
    # Part 5, appendix B.
    assert mrz.td1("D23145890", "740812", "F", "120415", "ERIKSSON", "ANNA MARIA") == (
        "I<UTOD231458907<<<<<<<<<<<<<<<",
        "7408122F1204159UTO<<<<<<<<<<<6",
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    )


def test_a_passport_of_the_standard() -> None:
    # Part 4, appendix B.
    lines = mrz.td3("L898902C3", "740812", "F", "120415", "ERIKSSON", "ANNA MARIA", "ZE184226B")
    assert lines == (
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    )


@pytest.mark.parametrize("seed", range(20))
def test_every_holder_has_whole_lines_that_say_utopia(seed: int) -> None:
    holder = invent(np.random.default_rng(seed))
    one, two, three = holder.td1()
    assert [len(line) for line in (one, two, three)] == [30, 30, 30]
    assert [len(line) for line in holder.td3()] == [44, 44]
    assert one.startswith("I<UTOSPC")
    assert two[15:18] == "UTO"
    assert three.startswith(holder.surname.replace(" ", "<").replace("-", "<") + "<<")
    assert holder.birth < holder.issued < holder.expires


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "1234567890"},
        {"number": ""},
        {"number": "ab1"},
        {"birth": "1974"},
        {"expires": "12041５"},
        {"surname": "MÜLLER"},
    ],
)
def test_what_cannot_stand_in_a_line_is_refused(wrong: dict[str, str]) -> None:
    right = {
        "number": "A1",
        "birth": "740812",
        "sex": "F",
        "expires": "120415",
        "surname": "A",
        "given": "B",
    }
    with pytest.raises(InvalidInput):
        mrz.td1(**{**right, **wrong})


def test_long_names_are_cut() -> None:
    line = mrz.td1("A1", "740812", "<", "120415", "A" * 40, "B")[2]
    assert line == "A" * 30
