"""What is learned from and what is judged on, and leakage alarms."""
