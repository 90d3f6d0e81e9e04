"""Pictures of documents: outline, perspective, the search for faces, and the portrait cut out."""

from renzheng.documents.outline import Outline
from renzheng.documents.search import View, search

__all__ = ["Outline", "View", "search"]
