"""MTCNN: a cascade of three networks finds faces and five landmarks (Zhang et al. 2016)."""

from renzheng.detection.cascade import Detector

__all__ = ["Detector"]
