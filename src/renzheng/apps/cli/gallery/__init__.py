"""``gallery``: who is it? One face against many."""

from __future__ import annotations

import argparse
from typing import Any

from renzheng.apps.cli.gallery import enrolment, searches, storage

_GALLERY = """\
Keep faces and search among them: one probe against many references.

  renzheng gallery create members
  renzheng gallery add members anna.jpg --set country=CN
  renzheng gallery search members gate.jpg --where country=CN

A false match rate of one comparison says little here: among 10,000 entries a stranger has 10,000
chances to look like somebody. A search is judged by its false positive identification rate (FPIR):
how often somebody who is not in the gallery is taken for somebody who is.

GALLERY is a folder, or an address such as s3://bucket/members that several machines share (its
keys come from the environment as usual, or from --storage). Pictures are not kept, embeddings
are: they are personal data. Needs renzheng[gallery].
"""


def register(commands: Any) -> None:
    """Add the command of this module."""
    gallery = commands.add_parser(
        "gallery",
        help="search a face among many (1:N)",
        description=_GALLERY,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = gallery.add_subparsers(title="actions", metavar="ACTION", required=True)
    for module in (storage, enrolment, searches):
        module.register(actions)
