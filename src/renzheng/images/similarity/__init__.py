"""Are two pictures alike as pictures, whatever they show?

Three senses, from the narrow to the wide, each with a number and a decision of its own:

1. *the same picture*: perceptual hashes agree (`hashes`), through coding, resizing, frames, mirrors
   and small crops;
2. *a near-duplicate*: local features agree and lie alike (`regions`), through larger crops, turns,
   collages and parts that were changed; which region of each picture shows the other is known, and
   where in it the two differ (`changes`);
3. *look-alikes*: a network's features lie close (`features`).

`renzheng.verification.same_photo` is another thing and knows about faces. It asks whether a live
picture is
the photograph of a document, by bringing two heads onto each other: it finds the small printed
portrait in a card again and has nothing to say where there is no face. Here faces play no part and
whole pictures are compared: two photographs of one person are different pictures.
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
