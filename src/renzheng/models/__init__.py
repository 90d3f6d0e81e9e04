"""Networks as files: the runtimes that run them, the packs that hold them, their conversion."""
