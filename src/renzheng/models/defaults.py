"""The packs that are used where nobody names one.

A module of its own, because options tell them and must not load what makes packs.
"""

DEFAULT_DETECTOR = "mtcnn"
DEFAULT_EMBEDDER = "sface"
