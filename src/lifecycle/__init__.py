"""The machinery: a library that knows no problem by name. New data never needs an edit here."""
