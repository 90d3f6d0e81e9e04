"""Intervals and extrapolation, whatever is measured."""
