"""Metrics, calibration, decisions, figures with intervals, comparisons and gates."""
