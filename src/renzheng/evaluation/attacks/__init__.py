"""Measurement of presentation attack detection."""
