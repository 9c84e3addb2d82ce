"""What the service tells of itself: metrics and the decision log."""
