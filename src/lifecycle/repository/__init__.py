"""The repository itself: another revision of it, DVC's own files, and the proof that it can be reproduced."""
