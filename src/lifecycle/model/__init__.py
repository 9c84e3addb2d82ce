"""Estimators, splits in time, decisions and honest figures."""
