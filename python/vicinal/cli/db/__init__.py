"""``vicinal db``: collections of records in a folder, from a shell."""
