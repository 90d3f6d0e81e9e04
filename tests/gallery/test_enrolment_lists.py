"""Who is to be enrolled, read from folders and tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from renzheng import InvalidInput
from renzheng.gallery.enrolment_lists import read_folder, read_table


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def test_a_folder_of_people_and_pictures(tmp_path: Path) -> None:
    _touch(
        tmp_path,
        *("Anna/2.jpg", "Anna/1.PNG", "Ben/1.jpg", "carl.jpeg", "notes.txt", ".hidden.jpg"),
        *("Anna/deeper/3.jpg", ".git/x.jpg"),
    )
    enrolment_list = read_folder(tmp_path)
    assert [(each.id, each.person) for each in enrolment_list.enrolments] == [
        ("Anna/1", "Anna"),
        ("Anna/2", "Anna"),
        ("Ben/1", "Ben"),
        ("carl", "carl"),
    ]
    assert enrolment_list.problems == ()
    assert [each.id for each in read_folder(tmp_path, 1).enrolments] == ["Anna/1", "Ben/1", "carl"]


def test_two_pictures_with_one_id_are_told(tmp_path: Path) -> None:
    _touch(tmp_path, "anna.jpg", "anna.png")
    enrolment_list = read_folder(tmp_path)
    assert len(enrolment_list.enrolments) == 1
    assert "same name" in enrolment_list.problems[0]


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no pictures"):
        read_folder(tmp_path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_folder(tmp_path / "none")


def test_a_table_with_metadata(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(
        "id;picture;person;country;age;member\n"
        "a1;anna.jpg;Anna;CN;31;true\n"
        ";pictures/ben.jpg;;O'Neil;;\n"
        "a1;again.jpg;Anna;;;\n"
        ";;Nobody;;;\n"
        "007;bond.jpg;James;UK;007;no\n",
        encoding="utf-8",
    )
    enrolment_list = read_table(path)
    anna, ben, bond = enrolment_list.enrolments
    assert (anna.id, anna.person, anna.picture) == ("a1", "Anna", tmp_path / "anna.jpg")
    assert anna.metadata == {"country": "CN", "age": 31, "member": True}
    assert (ben.id, ben.person, ben.metadata) == ("pictures/ben", "", {"country": "O'Neil"})
    assert bond.metadata == {"country": "UK", "age": "007", "member": "no"}
    assert len(enrolment_list.problems) == 2
    assert "row 4" in enrolment_list.problems[0]
    assert "twice" in enrolment_list.problems[0]
    assert "no picture" in enrolment_list.problems[1]
    [first, *_] = read_table(path, tmp_path / "root").enrolments
    assert first.picture == tmp_path / "root" / "anna.jpg"


def test_cells_keep_their_lines_and_columns_their_case(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('\n"Picture","Country","note"\nx.jpg,CN,"two\nlines\u2028three"\n', "utf-8")
    [only] = read_table(path).enrolments
    assert only.metadata == {"Country": "CN", "note": "two\nlines\u2028three"}
    path.write_text("picture,person\nx.jpg,Smith, John\n")
    with pytest.raises(InvalidInput, match="row 2 has more cells"):
        read_table(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("id,person\n1,x\n", "picture"),
        ("picture\n", "nobody"),
        ("picture,a b\nx.jpg,1\n", "nobody"),
    ],
)
def test_tables_that_enrol_nobody_are_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "people.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=told):
        read_table(path)
