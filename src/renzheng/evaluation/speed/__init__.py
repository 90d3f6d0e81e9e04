"""Measurement of speed: times, matrix rates, and the settings that suit a machine."""
