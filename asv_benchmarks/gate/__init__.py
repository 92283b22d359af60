"""Is the working tree slower than a commit? Both are measured in turns on the same machine."""
