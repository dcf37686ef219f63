"""Answers from a trained model: to one query, to a file of them, and from Python."""
