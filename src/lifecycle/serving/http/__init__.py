"""From bytes on a socket to an answer: connections, routes, limits, and an end without a loss."""
