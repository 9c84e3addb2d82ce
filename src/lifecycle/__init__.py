"""The machinery of the life cycle of a model, as a stack of floors: a folder imports only from those below it."""
