"""The same work on Ray: several machines, pictures and tables in object stores.

Nothing here is imported unless it is asked for, since Ray is an extra: ``pip install
'renzheng[ray]'``.
"""

from __future__ import annotations

from renzheng.apps.batch.cluster.engine import Engine
from renzheng.apps.batch.cluster.nodes import Cluster, require
from renzheng.apps.batch.cluster.places import find, is_stored, read_pairs, write

__all__ = ["Cluster", "Engine", "find", "is_stored", "read_pairs", "require", "write"]
