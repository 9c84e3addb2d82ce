"""What the service says of scored rows: one file for each kind of target."""
