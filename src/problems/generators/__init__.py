"""Simulated records, for problems that can do without a file."""
