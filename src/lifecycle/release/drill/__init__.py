"""The drill: a model's whole life in minutes, in a copy of the repository, with the commands that a person would use."""
