"""``gallery``: search for one face among many."""

from __future__ import annotations

from typing import Any

from renzheng.apps.cli import options
from renzheng.apps.cli.gallery import enrolment, exports, searches, storage

_GALLERY = """\
Keep faces and search among them: one probe against many references.

  renzheng gallery create members
  renzheng gallery add members anna.jpg --set country=CN
  renzheng gallery search members gate.jpg --where country=CN

The false match rate of one comparison says little here: among 10,000 entries an impostor has 10,000
chances to resemble somebody. A search is judged by its false positive identification rate (FPIR):
how often somebody who is not in the gallery is identified as somebody who is.

GALLERY is a folder, or an address such as s3://bucket/members that several machines share (with
credentials from the environment as usual, or from --storage). Embeddings are stored, pictures are
not; embeddings are personal data. Needs renzheng[gallery].
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    gallery = options.add_command(
        commands, "gallery", "search for a face among many (1:N)", _GALLERY
    )
    actions = gallery.add_subparsers(title="actions", metavar="ACTION", required=True)
    for module in (storage, exports, enrolment, searches):
        module.register(actions)
