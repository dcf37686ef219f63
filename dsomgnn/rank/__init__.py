"""How good: filtered ranks, metrics, slices, and the report."""
