"""Texts, pictures and numbers made into features."""
