"""The processes that the service consists of, and who starts them again."""
