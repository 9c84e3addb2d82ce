"""The feature list on a table of any size: tasks, and the engines that run them."""
