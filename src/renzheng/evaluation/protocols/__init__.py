"""Readers of protocols: what is compared with what, from the files that the field uses."""
