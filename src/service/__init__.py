"""The HTTP service: a wing that can be taken off."""
