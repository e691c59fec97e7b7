"""The program: its commands, its manual page, and the errors of its arguments."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from vicinal.bench import command as comparison
from vicinal.cli import build, demo, examine, looking, map, recall, search, shape, tune  # noqa: A004
from vicinal.cli.db import group
from vicinal.cli.outcome import Status, command, fail, print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

MANUAL = """\
Find nearest neighbours among vectors: build an index of a file, search it, and see how good the
answers are; or keep records with payloads and text in a database (`vicinal db`).

DATA and QUERIES are files of vectors, one a row: .npy, .npz, .fvecs, .bvecs, .ivecs, .hdf5 (as
ann-benchmarks lays it out, or any), .parquet, .arrow, .feather. An INDEX is one file, best named
with the suffix .vicinal; it can be copied to another machine.
"""

MORE = """\
\b
Examples:
  Build an index of sentence embeddings, on all cores:
    vicinal build passages.npy -o passages.vicinal --metric cosine
\b
  The ten nearest of each query, kept as JSON lines:
    vicinal search passages.vicinal queries.npy -k 10 --output hits.jsonl
\b
  How much do answers lose against exact search, and at which ef_search?
    vicinal recall passages.vicinal queries.npy --ef-search 16,32,64,128
\b
  And which ef_search is just enough?
    vicinal tune passages.vicinal queries.npy --target 0.98
\b
  See it: its layers, and the ways of queries:
    vicinal map passages.vicinal queries.npy -o map.html
\b
  In a nightly job: is the file whole, is the recall still what was promised?
    vicinal verify passages.vicinal
    vicinal recall passages.vicinal queries.npy --fail-under 0.95 --json
\b
  See what all this is about:
    vicinal demo

\b
Output:
  Answers go to standard output, progress and errors to standard error. With
  --json, which every command takes, standard output is one JSON document; of
  an error, {"error": {"type": …, "message": …}}.

\b
Exit status:
  0    done
  1    a check said no: verify found damage, recall fell below --fail-under,
       or tune could not reach its target
  2    bad usage or bad input: options, NaN in a vector, a wrong dimension
  3    files, disk or memory: missing, damaged, not an index, no room
  4    a bug in Vicinal
  130  interrupted by Ctrl-C; nothing was written, but for what `db load` says

\b
Environment:
  VICINAL_ISA        scalar, avx2, avx512 or neon: force an instruction set
  VICINAL_TRACEBACK  show where in the program an unforeseen error arose
  NO_COLOR           no colours
"""


class Page(TyperCommand):
    """A command whose usage is written as in manuals: plain capitals for what is required."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]


app = typer.Typer(
    help=MANUAL,
    epilog=MORE,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

for name, function, summary, examples in (
    ("build", build.build, "Make an index of a file of vectors.", build.EXAMPLES),
    ("search", search.search, "Find the nearest vectors of each query.", search.EXAMPLES),
    ("recall", recall.recall, "Measure answers against exact search.", recall.EXAMPLES),
    ("tune", tune.tune, "Find the ef_search that reaches a recall.", tune.EXAMPLES),
    ("explain", looking.explain, "Show the way of a search.", looking.EXPLAIN_EXAMPLES),
    ("why-not", looking.why_not, "Say why a vector was missed.", looking.WHY_NOT_EXAMPLES),
    ("map", map.map_, "Draw an index as a city, in a page of HTML.", map.EXAMPLES),
    ("info", examine.info, "Describe an index.", examine.INFO_EXAMPLES),
    ("stats", shape.stats, "Count an index's layers, nodes and links.", shape.STATS_EXAMPLES),
    ("growth", shape.growth, "Measure how search changes as it grows.", shape.GROWTH_EXAMPLES),
    ("verify", examine.verify, "Check an index for damage.", examine.VERIFY_EXAMPLES),
    ("bench", comparison.bench, "Measure Vicinal beside other libraries.", comparison.EXAMPLES),
    ("demo", demo.demo, "Find a coffee shop among a million.", demo.EXAMPLES),
):
    app.command(name, cls=Page, short_help=summary, epilog=examples)(command(function))


db = typer.Typer(help=group.MANUAL, epilog=group.MORE, rich_markup_mode=None)
for name, function, summary, examples in group.COMMANDS:
    db.command(name, cls=Page, short_help=summary, epilog=examples)(command(function))
app.add_typer(db, name="db", short_help=group.SUMMARY)


@db.callback(invoke_without_command=True)
def _begin_db(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def _version(asked: bool) -> None:
    if asked:
        import vicinal

        try:
            isa = vicinal.isa()
        except vicinal.InvalidInputError as error:
            raise typer.Exit(fail(error, as_json=False)) from None
        print(f"vicinal {vicinal.__version__}, Python {sys.version.split()[0]}, {isa}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _begin(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def run(argv: "Sequence[str] | None" = None) -> int:
    """Run the program with these arguments, and return its exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    program: Any = typer.main.get_command(app)
    try:
        status = program.main(args=arguments, prog_name="vicinal", standalone_mode=False)
    except typer.Abort:
        return Status.INTERRUPTED
    except Exception as error:
        # Whether typer brings click or stands on it, its usage errors look like this.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "vicinal"
        message = error.format_message().rstrip(".")
        if "--json" in arguments:
            print_json({"error": {"type": type(error).__name__, "message": message}})
        say(f"error: {message}; see '{path} --help'")
        return Status.USAGE
    return status if isinstance(status, int) else Status.OK
