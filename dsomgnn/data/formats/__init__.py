"""Data sets in the layouts of other toolkits, read into identifiers and ids."""
