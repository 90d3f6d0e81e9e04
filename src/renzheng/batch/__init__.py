"""Many pairs of pictures: each picture is worked on once, and a killed run goes on."""

from __future__ import annotations

from renzheng.batch.comparing import Answer, columns, compare, extract, unreadable
from renzheng.batch.settings import Settings, conditions

__all__ = ["Answer", "Settings", "columns", "compare", "conditions", "extract", "unreadable"]
