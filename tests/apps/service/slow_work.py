"""Work for processes of their own that goes wrong in every way."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from renzheng.errors import PackError


class Unreceivable:
    """A value that ends the process that receives it, as one that is too large for memory."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os._exit, (3,)


def start(how: str = "well") -> Callable[[Any], Any]:
    if how == "badly":
        raise PackError("no pack is called 'x'", remedy="there are: y")
    if how == "broken":
        raise ZeroDivisionError("secret")
    if how == "dead":
        os._exit(3)

    def work(task: tuple[str, Any]) -> Any:
        what, value = task
        if what == "sleep":
            time.sleep(value)
        if what == "die":
            os._exit(3)
        if what == "fail":
            raise ValueError("secret")
        return os.getpid(), value

    return work
