"""Slices, groups of people, fairness, seeds and age."""
