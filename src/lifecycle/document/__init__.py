"""Markdown from templates, and HTML pages from Markdown."""
