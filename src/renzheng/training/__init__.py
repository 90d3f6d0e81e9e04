"""Train a CNN so that Euclidean distance means identity, from folders of faces to a pack.

Everything that needs torch lives here, and nothing outside imports this package.
"""
