"""Are two pictures alike as pictures, whatever they show?

Three senses, from the narrow to the wide, each with a number and a decision of its own:

1. *the same picture*: perceptual hashes agree (`hashes`), through coding, resizing, frames, mirrors
   and small crops;
2. *a near-duplicate*: local features agree and lie alike (`regions`), through larger crops, turns,
   collages and parts that were changed; which region of each picture shows the other is known;
3. *look-alikes*: a network's features lie close (`features`).

`renzheng.same_picture` is another thing: it knows about faces. It asks whether a live picture is the
photograph of a document, and answers for two heads brought onto each other, so it sees the printed
portrait in the middle of a card and says nothing on pictures without a face. Here faces play no
part: whole pictures are compared, two photographs of one person are different pictures, and so are a
card and the portrait on it unless enough of the portrait's detail survives.
"""

from __future__ import annotations

from renzheng.pictures.hashes import (
    CANDIDATE_BITS,
    REVISION,
    SAME_BITS,
    Fingerprint,
    fingerprint,
    hash_distance,
)
from renzheng.pictures.regions import (
    LocalFeatures,
    RegionMatch,
    local_features,
    match_regions,
)

__all__ = [
    "CANDIDATE_BITS",
    "REVISION",
    "SAME_BITS",
    "Fingerprint",
    "LocalFeatures",
    "RegionMatch",
    "fingerprint",
    "hash_distance",
    "local_features",
    "match_regions",
]
