"""Pictures of documents: outline, perspective, the search for faces, and the portrait cut out."""

from renzheng.faces.documents.outline import Outline
from renzheng.faces.documents.perspective import Homography
from renzheng.faces.documents.placement import mapped, turn_matrix
from renzheng.faces.documents.search import SEARCH_REVISION, DetectedFaces, search_faces

__all__ = [
    "SEARCH_REVISION",
    "DetectedFaces",
    "Homography",
    "Outline",
    "mapped",
    "search_faces",
    "turn_matrix",
]
