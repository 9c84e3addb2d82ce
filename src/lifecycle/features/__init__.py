"""The feature list, evaluated on a table, in pieces, or record by record."""
