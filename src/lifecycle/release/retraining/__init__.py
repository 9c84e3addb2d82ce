"""When a new version is trained, and how: new records in, a later window, the same gate."""
