"""One module a protocol: from its bytes to rows, and from scores to its bytes."""
