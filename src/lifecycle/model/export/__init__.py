"""A fitted pipeline as an ONNX graph that gives the same bits."""
