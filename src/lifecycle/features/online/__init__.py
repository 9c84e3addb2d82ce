"""The feature list for one record at a time, on state that is kept by entity."""
