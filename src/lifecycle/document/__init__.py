"""A page of text, tables and pictures, and its forms."""
