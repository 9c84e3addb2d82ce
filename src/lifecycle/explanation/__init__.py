"""What scores rest on: importance, exact contributions, reasons in words."""
