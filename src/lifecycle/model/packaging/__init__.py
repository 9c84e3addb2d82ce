"""What makes a bundle, and the gate that holds it against the pipeline."""
