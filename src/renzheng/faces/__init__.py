"""Faces in pictures: detection, alignment, embedding, quality, liveness; no policy, no decision."""
