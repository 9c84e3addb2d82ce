"""The kinds of target: two classes, several classes, a number. Each is one object with all that differs."""
