"""The parts of the OpenAPI document."""
