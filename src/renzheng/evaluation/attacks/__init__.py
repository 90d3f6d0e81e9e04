"""Presentation attack detection measured."""
