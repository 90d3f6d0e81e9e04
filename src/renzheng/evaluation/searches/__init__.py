"""Measurement of one-to-many search."""
