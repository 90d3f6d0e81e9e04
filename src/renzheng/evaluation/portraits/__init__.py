"""Measurement of the search for the main portrait, on specimen documents where it is known."""
