"""The feature vocabulary and its evaluation."""
