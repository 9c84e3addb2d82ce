"""What requests hold, checked against the model's features and the data contract."""
