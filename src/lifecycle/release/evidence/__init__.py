"""What tells whether a version may go a step further: statistics that may be looked at any day, and the gates."""
