"""Read or fetch a user's file."""
