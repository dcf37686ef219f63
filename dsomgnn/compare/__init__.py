"""Runs held against each other: their ranks, how they differ, and how that is told."""
