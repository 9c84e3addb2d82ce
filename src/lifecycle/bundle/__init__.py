"""The bundle that is served: written, verified, opened, and used to score files."""
