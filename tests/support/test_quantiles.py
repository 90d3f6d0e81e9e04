from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from renzheng._support.quantiles import counted_percentile, percentile


@given(
    arrays(np.uint8, array_shapes(min_dims=1, max_dims=2, max_side=9))
    | arrays(np.float32, st.integers(1, 40), elements=st.floats(-1e3, 1e3, width=32)),
    st.sampled_from([0, 1, 25, 50, 75, 99, 100]),
)
def test_it_is_numpys(values: np.ndarray, percent: int) -> None:
    found = percentile(values, percent)
    assert found.shape == values.shape[1:]
    wanted = np.percentile(values.astype(np.float64), percent, axis=0)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-9)


def test_of_nothing_there_is_none() -> None:
    with pytest.raises((IndexError, ValueError)):
        percentile([], 50)


@given(
    st.lists(st.integers(0, 30), min_size=1, max_size=60),
    st.floats(0, 100, allow_nan=False),
)
def test_counted_values_have_the_same_percentiles(values: list[int], percent: float) -> None:
    wanted = np.percentile(values, percent)
    assert counted_percentile(np.bincount(values), percent) == pytest.approx(wanted, abs=1e-9)
