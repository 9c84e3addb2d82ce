"""One file for each outside system; nothing imports them."""
