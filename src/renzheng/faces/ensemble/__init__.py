"""Ensembles: several embedding networks side by side, whose embeddings make up one template."""

from renzheng.faces.ensemble.combination import (
    MAX_DIMENSION,
    MAX_MEMBERS,
    check,
    combine,
    member_columns,
)
from renzheng.faces.ensemble.common_crop import CommonCrop
from renzheng.faces.ensemble.ensemble import Ensemble, Member, unit_weights

__all__ = [
    "MAX_DIMENSION",
    "MAX_MEMBERS",
    "CommonCrop",
    "Ensemble",
    "Member",
    "check",
    "combine",
    "member_columns",
    "unit_weights",
]
