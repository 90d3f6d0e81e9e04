"""Networks as files: the runtimes that run them, the packs they live in, how packs are made."""
