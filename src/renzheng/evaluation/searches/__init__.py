"""One-to-many search measured."""
