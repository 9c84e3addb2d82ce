"""The feature list on a table of any size: tasks, the engines that run them, and what puts their parts together."""
