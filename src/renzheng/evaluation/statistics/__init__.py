"""Intervals and extrapolation for any measurement."""
