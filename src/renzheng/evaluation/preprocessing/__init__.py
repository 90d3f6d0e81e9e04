"""The proof of a network's preprocessing on pictures of people."""
