"""One template from several pictures of a person."""

from __future__ import annotations

import numpy as np

from renzheng.datasets.types import Indices
from renzheng.errors import InvalidInput
from renzheng.types import Floats


def enrol_templates(rows: Floats, person: Indices, count: int) -> tuple[Floats, Indices, Indices]:
    """Average the first pictures of each person into one embedding.

    Parameters
    ----------
    rows
        float32 (n, d), unit length; NaN for a failure to acquire, which is left out.
    person
        int (n,): the number of each picture's person.
    count
        The number of pictures in a template; only people with more are enrolled.

    Returns
    -------
    float32 (t, d), int (t,), int (m,)
        The templates, brought to unit length; the people they belong to; the pictures in none.

    Raises
    ------
    InvalidInput
        If `count` is below 1 or nobody has enough pictures.
    """
    if count < 1:
        raise InvalidInput(f"a template needs 1 picture or more, not {count}")
    templates, owners = [], []
    used: list[int] = []
    for who in np.unique(person):
        known = np.flatnonzero((person == who) & np.isfinite(rows[:, 0]))
        if len(known) > count:
            mean = rows[known[:count]].astype(np.float64).mean(axis=0)
            templates.append((mean / np.linalg.norm(mean)).astype(np.float32))
            owners.append(who)
            used.extend(known[:count])
    if not templates:
        raise InvalidInput(f"nobody has more than the {count} picture(s) that a template takes")
    return (
        np.stack(templates),
        np.array(owners, np.intp),
        np.setdiff1d(np.arange(len(rows)), used),
    )
