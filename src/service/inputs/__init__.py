"""Values and rows out of requests."""
