"""Names of the default packs and of the choice of a backend.

They are apart because command-line help shows them and must not load the code of packs.
"""

DEFAULT_DETECTOR = "mtcnn"
DEFAULT_EMBEDDER = "sface"

BACKEND_VARIABLE = "RENZHENG_BACKEND"
AUTO = "auto"  # the best backend that works
