"""What is counted of the records by day, and the limits that the bundle carries."""
