"""The model that is served now, and the one that takes its place."""
