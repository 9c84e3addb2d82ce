"""The protocols, one module each."""
