"""Public weights turned into the networks of packs, one module a source."""
