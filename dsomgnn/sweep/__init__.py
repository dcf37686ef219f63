"""A search of settings: its space, its study, and what it writes."""
