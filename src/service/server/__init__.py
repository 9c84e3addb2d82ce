"""The HTTP server in front of the application: it bears slow, large, wrong and too many requests."""
