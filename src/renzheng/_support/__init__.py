"""What every part stands on and none owns: files, tables, processes, threads, timing."""
