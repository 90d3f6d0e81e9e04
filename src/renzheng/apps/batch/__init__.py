"""Many pairs of pictures: each picture is processed once, and a killed run can be continued.

`extract` and `compare` are the two steps, functions of a picture's bytes and of two templates;
`verify_pairs` and `embed_pictures` apply them to tables and folders on one machine.
"""

from __future__ import annotations

from renzheng._renamed import old_names
from renzheng.apps.batch.conditions import conditions
from renzheng.apps.batch.embedding import Embedded, embed_picture, embed_pictures
from renzheng.apps.batch.steps import Answer, columns, compare, extract, unreadable
from renzheng.apps.batch.store import Begin
from renzheng.apps.batch.summary import Summary, summarise
from renzheng.apps.batch.verification import verify_pairs
from renzheng.verification.config import VerifierConfig

__all__ = [
    "Answer",
    "Begin",
    "Embedded",
    "Summary",
    "VerifierConfig",
    "columns",
    "compare",
    "conditions",
    "embed_picture",
    "embed_pictures",
    "extract",
    "summarise",
    "unreadable",
    "verify_pairs",
]

__getattr__ = old_names(__name__, {"Settings": "VerifierConfig"})
