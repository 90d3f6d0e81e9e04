"""MTCNN: a cascade of three networks finds faces and five landmarks (Zhang et al. 2016)."""

from renzheng.faces.detection.cascade import DETECTION_REVISION, Detector

__all__ = ["DETECTION_REVISION", "Detector"]
