"""Scores for files of any size."""
