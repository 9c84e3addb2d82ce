"""From a source to records that keep their contract."""
