"""Similarity of two pictures as pictures, whatever they show.

There are three senses, from narrow to wide, each with a number and a decision of its own:

1. *the same picture*: the perceptual hashes agree (`hashes`), despite encoding, resizing, frames,
   mirroring and small crops;
2. *a near-duplicate*: local features agree in place and appearance (`regions`), despite larger
   crops, turns, collages and changed parts. It is known which region of each picture shows the
   other, and where in it the two differ (`changes`);
3. *look-alikes*: the features of a network lie close together (`features`).

Whole pictures are compared, and faces play no part: two photographs of one person are different
pictures. `renzheng.verification.same_photo` is a different concept, about faces. It decides whether
a live picture shows the very photo of a document, by registering the two heads: it finds the small
printed portrait of a card, and says nothing about pictures without a face.
"""

from __future__ import annotations

from renzheng.images.similarity.changes import Changes, changes
from renzheng.images.similarity.decision import (
    FeatureDistance,
    HashMatch,
    Likeness,
    PictureSimilarity,
    similarity,
)
from renzheng.images.similarity.features import DEFAULT_FEATURES, Features
from renzheng.images.similarity.hashes import (
    CANDIDATE_BITS,
    REVISION,
    SAME_BITS,
    Fingerprint,
    fingerprint,
    hash_distance,
)
from renzheng.images.similarity.regions import (
    LocalFeatures,
    RegionMatch,
    local_features,
    match_regions,
)

__all__ = [
    "CANDIDATE_BITS",
    "DEFAULT_FEATURES",
    "REVISION",
    "SAME_BITS",
    "Changes",
    "FeatureDistance",
    "Features",
    "Fingerprint",
    "HashMatch",
    "Likeness",
    "LocalFeatures",
    "PictureSimilarity",
    "RegionMatch",
    "changes",
    "fingerprint",
    "hash_distance",
    "local_features",
    "match_regions",
    "similarity",
]
