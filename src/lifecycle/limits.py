"""What values may be, the same for the gate that records come in by and for the service that scores them."""

FLOAT32 = (2 - 2**-23) * 2.0**127  # the largest: trees compare in it, so no number that is scored may be larger
EXACT = 2**53  # a float holds every whole number below; from here on it may be another, rounded
MISSING_TEXT = "\uffff"  # stands for a missing text in a model's input: no character, so no text holds it
UNREADABLE = "\u0000" + MISSING_TEXT  # what no text may hold; the first is the end of a text in C
