"""Windows for training and for testing, and leakage alarms."""
