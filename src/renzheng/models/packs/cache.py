"""The folders in which packs and their weights are kept."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """Return the folder of built packs; ``$RENZHENG_CACHE`` overrides the platform's."""
    override = os.environ.get("RENZHENG_CACHE")
    return Path(override) if override else platformdirs.user_cache_path("renzheng") / "packs"


def sources_folder() -> Path:
    """Return the folder of weights that were added."""
    return cache_folder() / "sources"
