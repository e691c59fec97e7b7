"""How text is cut into what can be found: words, stems of words, or runs of three characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from vicinal import checks
from vicinal.errors import InvalidInputError
from vicinal.filters.paths import sql_text

TOKENIZERS: Final = ("unicode61", "porter", "trigram")

#: What the shortest run that a trigram index can find has.
TRIGRAM: Final = 3


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """How the text of an index is cut.

    Parameters
    ----------
    kind : {"unicode61", "porter", "trigram"}
        Words of letters and digits, without regard to case; the same, English words by their stem;
        or any three characters in a row, to find substrings.
    diacritics : bool
        Whether é differs from e.
    case : bool
        Whether E differs from e; for trigram only.
    letters, separators : str
        Characters that are part of words, such as ``"-_"``, or are not; for words only.
    """

    kind: str = "unicode61"
    diacritics: bool = False
    case: bool = False
    letters: str = ""
    separators: str = ""

    def __post_init__(self) -> None:
        checks.choice("kind", self.kind, TOKENIZERS)
        checks.flag("diacritics", self.diacritics)
        checks.flag("case", self.case)
        for name in ("letters", "separators"):
            if "\0" in checks.text(name, getattr(self, name)):
                raise InvalidInputError(f"{name} can't hold a NUL")
        if self.kind == "trigram" and (self.letters or self.separators):
            raise InvalidInputError("letters and separators are of words, which trigram has not")
        if self.kind != "trigram" and self.case:
            raise InvalidInputError(f"case=True is for trigram; {self.kind} folds case always")
        if self.kind == "trigram" and self.case and not self.diacritics:
            raise InvalidInputError("trigram with case=True keeps diacritics: give diacritics=True")

    @property
    def spec(self) -> str:
        """The tokenizer as FTS5's option ``tokenize`` takes it."""
        if self.kind == "trigram":
            # Either option excludes the other, so one that is off is not named.
            if self.case:
                return "trigram case_sensitive 1"
            return f"trigram remove_diacritics {int(not self.diacritics)}"
        # 2 knows characters of several diacritics too, which 1, kept by FTS5 as it was, does not.
        words = f"unicode61 remove_diacritics {0 if self.diacritics else 2}"
        for option, characters in (("tokenchars", self.letters), ("separators", self.separators)):
            if characters:
                words += f" {option} {sql_text(characters)}"
        return f"porter {words}" if self.kind == "porter" else words
