"""Support for every part of the package: files, tables, processes, threads, timing."""
