"""Converters of public weights into the networks of packs, one module a source."""
