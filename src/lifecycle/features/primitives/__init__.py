"""The aggregates of the vocabulary: for arrays, for one record on kept state, and as plain definitions."""
