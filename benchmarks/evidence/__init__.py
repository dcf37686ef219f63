"""The benchmark of evidence, in parts: what is planned, run, recorded, compared and told."""
