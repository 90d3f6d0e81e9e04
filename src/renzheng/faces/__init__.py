"""Faces of a picture: found, aligned, embedded, judged. No policy, no decision."""
