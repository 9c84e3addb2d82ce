"""The drill: a model's whole life in minutes, in a clone, by the commands that a person would type."""
