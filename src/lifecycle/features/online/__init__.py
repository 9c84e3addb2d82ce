"""The feature list for one record at a time: the state of entities, and the stores that keep it."""
