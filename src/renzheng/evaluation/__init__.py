"""Measurement of packs: comparisons, searches, attacks, portraits, speed."""
