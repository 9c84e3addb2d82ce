"""Online stores: the history that features of raw records need."""
