"""The machinery of the life cycle of a model, as a stack of floors: a folder imports only from those below it."""

from lifecycle.core.environment_defaults import be_quiet

be_quiet()  # before any library is imported
