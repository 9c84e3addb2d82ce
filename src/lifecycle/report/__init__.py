"""One version of the model against another, for a reviewer."""
