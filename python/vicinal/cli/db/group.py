"""The commands of ``vicinal db``."""

from typing import Any

from vicinal.cli.db import create, load, looking, records, search, upkeep

SUMMARY = "Keep records in a database."

MANUAL = """\
Keep records with ids, payloads and vectors in a database, and find them by vector, by text and by
what their payloads say.

A DATABASE is a folder with collections. One process writes to it at a time, any number reads.
"""

MORE = """\
\b
Examples:
  vicinal db create shop.db docs --dim 384 --text body
  vicinal db load shop.db docs passages.jsonl --vectors passages.npy
  vicinal db search shop.db docs queries.npy -k 3
  vicinal db text shop.db docs 'graph search'
"""

#: Name, function, summary and examples of each.
COMMANDS: tuple[tuple[str, Any, str, str], ...] = (
    ("create", create.create, "Make a collection.", create.EXAMPLES),
    ("load", load.load, "Write records of files.", load.EXAMPLES),
    ("search", search.search, "Find records by vector.", search.EXAMPLES),
    ("text", search.text, "Find records by text.", search.TEXT_EXAMPLES),
    ("explain", looking.explain, "Show the way of a search.", looking.EXPLAIN_EXAMPLES),
    ("why-not", looking.why_not, "Say why a record was missed.", looking.WHY_NOT_EXAMPLES),
    ("map", looking.map_, "Draw a collection as a city.", looking.MAP_EXAMPLES),
    ("get", records.get, "Show records by id.", records.GET_EXAMPLES),
    ("export", records.export, "Write records to a file.", records.EXPORT_EXAMPLES),
    ("snapshot", upkeep.snapshot, "Copy a database.", upkeep.SNAPSHOT_EXAMPLES),
    ("restore", upkeep.restore, "Make a database of a copy.", upkeep.RESTORE_EXAMPLES),
    ("verify", upkeep.verify, "Check a database for damage.", upkeep.VERIFY_EXAMPLES),
    ("stats", upkeep.stats, "Describe collections.", upkeep.STATS_EXAMPLES),
    ("compact", upkeep.compact, "Bring graphs up to date, free space.", upkeep.COMPACT_EXAMPLES),
)
