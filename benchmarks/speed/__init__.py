"""The benchmark of speed, in parts: what is done, by whom, in which order, and what comes out."""
