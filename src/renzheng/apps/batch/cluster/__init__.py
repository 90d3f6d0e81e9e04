"""Batch runs on Ray: several machines, pictures and tables in object stores.

Import it only where it is asked for: Ray is an extra, ``pip install 'renzheng[ray]'``. Why the work
is divided as it is: docs/decisions/ray-engine.md.
"""

from __future__ import annotations

from renzheng.apps.batch.cluster.engine import Engine
from renzheng.apps.batch.cluster.nodes import Cluster, require
from renzheng.apps.batch.cluster.places import find, is_stored, read_pairs, write

__all__ = ["Cluster", "Engine", "find", "is_stored", "read_pairs", "require", "write"]
