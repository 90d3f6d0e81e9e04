"""Training of a CNN whose Euclidean distances mean identity: from folders of faces to a pack.

Everything that needs torch is here. Only the command line imports this package, when it trains.
"""
