"""The truth: records in an SQLite file, one writer, many readers. Nothing here knows of graphs."""
