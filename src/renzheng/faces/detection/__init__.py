"""Face detection: boxes and five landmarks, by MTCNN (Zhang et al. 2016) or another detector."""

from renzheng.faces.detection.cascade import DETECTION_REVISION, Detector
from renzheng.faces.detection.interface import FaceDetector
from renzheng.faces.detection.loading import load_detector

__all__ = ["DETECTION_REVISION", "Detector", "FaceDetector", "load_detector"]
