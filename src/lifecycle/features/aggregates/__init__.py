"""The aggregates of windows: one class each, with its form for tables, its form for one record, and its definition."""
