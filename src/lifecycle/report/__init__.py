"""What changed between two revisions, for a reviewer."""
