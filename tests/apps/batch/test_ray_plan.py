"""How a table is cut into blocks for several machines."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from renzheng.apps.batch.cluster.plan import plan

tables = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=60)


@given(table=tables, pictures=st.integers(2, 6), rows=st.integers(1, 8))
def test_every_row_is_in_one_block_and_shared_pictures_are_those_of_several(
    table: list[tuple[int, int]], pictures: int, rows: int
) -> None:
    pairs = np.array(table, np.int64)
    made = plan(pairs, pictures, rows)
    assert sorted(row for block in made.blocks for row in block.tolist()) == list(range(len(pairs)))
    named = [set(pairs[block].ravel().tolist()) for block in made.blocks]
    rows_of = np.bincount(pairs.ravel())
    for block, held in zip(made.blocks, named, strict=True):
        once = sum(rows_of[each] == 1 for each in held)
        assert len(held) <= pictures or 8 * once + (len(held) - once) <= 8 * pictures
        assert len(block) <= rows
        assert block.tolist() == sorted(block.tolist())
    several = [n for n in range(13) if sum(n in held for held in named) > 1]
    assert sorted(made.shared.tolist()) == several


@given(st.permutations(range(40)))
def test_pictures_that_are_in_one_pair_each_are_never_shared(order: list[int]) -> None:
    pairs = np.array(order, np.int64).reshape(-1, 2)
    made = plan(pairs, 8)
    assert not len(made.shared)
    # In the table's order, as full as they may be.
    assert [block.tolist() for block in made.blocks] == [
        list(range(k, k + 4)) for k in range(0, 20, 4)
    ]


def test_rows_about_one_person_stay_together_wherever_they_are_in_the_table() -> None:
    pairs = np.array([(0, 1), (2, 3), (4, 5), (1, 6), (2, 7)], np.int64)
    made = plan(pairs, 3)
    assert [block.tolist() for block in made.blocks] == [[0, 3], [1, 4], [2]]
    assert not len(made.shared)


def test_one_against_many_shares_the_one() -> None:
    pairs = np.array([(k, 0) for k in range(1, 21)], np.int64)
    made = plan(pairs, 6)
    assert made.shared.tolist() == [0]
    # Five pictures of one row each, beside the one.
    assert [len(block) for block in made.blocks] == [5, 5, 5, 5]


def test_everybody_against_everybody_is_cut_into_few_blocks() -> None:
    pairs = np.array([(a, 40 + b) for a in range(40) for b in range(40)], np.int64)
    made = plan(pairs, 8, rows=2000)
    assert sorted(made.shared.tolist()) == list(range(40, 80))
    # The first holds all 40 of one side and 24 of the other.
    assert [len(block) for block in made.blocks] == [24 * 40, 16 * 40]
