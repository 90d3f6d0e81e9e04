"""The same work on Ray: several machines, pictures and tables in object stores.

Nothing here is imported unless it is asked for, since Ray is an extra: ``pip install
'renzheng[ray]'``.
"""

from __future__ import annotations

from renzheng.batch.cluster.engine import each, run
from renzheng.batch.cluster.nodes import Cluster

__all__ = ["Cluster", "each", "run"]
