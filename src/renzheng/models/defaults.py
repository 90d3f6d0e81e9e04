"""Names of the default packs.

They are apart because command-line help shows them and must not load the code of packs.
"""

DEFAULT_DETECTOR = "mtcnn"
DEFAULT_EMBEDDER = "sface"
