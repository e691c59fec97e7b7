"""Wishes in plain words, made into tastes: "medium roast, cosy seating, quiet music"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vicinal.datasets.coffee import KINDS, TASTES
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vicinal.datasets import CoffeeCity


class Words(NamedTuple):
    """Nouns that name a taste, adjectives that say there is little of it, and much of it."""

    nouns: str
    low: str = ""
    high: str = ""


# Where an adjective stands alone and several tastes know it, the first taste listed here has it.
WORDS: dict[str, Words] = {
    "quiet": Words("quietness silence calm", "loud noisy", "quiet calm silent peaceful"),
    "roast": Words("roast roasted", "light pale blond", "dark"),
    "light": Words("light daylight lighting windows", "dim dark gloomy", "bright sunny airy"),
    "cosiness": Words(
        "cosiness coziness seating seats chairs armchairs sofas",
        "bare hard spartan",
        "cosy cozy snug comfortable comfy soft warm",
    ),
    "acidity": Words("acidity", "mellow low-acid round", "acidic sharp tangy bright lively"),
    "body": Words("body", "thin watery light", "full syrupy heavy rich"),
    "sweetness": Words("sweetness", "dry unsweetened", "sweet"),
    "bitterness": Words("bitterness", "smooth", "bitter"),
    "fruitiness": Words("fruit fruitiness berries", "", "fruity floral"),
    "nuttiness": Words("nuts nuttiness chocolate", "", "nutty chocolatey"),
    "milk": Words("milk latte lattes cappuccino", "black", "milky creamy"),
    "pastries": Words("pastries pastry cake cakes croissants"),
    "breakfast": Words("breakfast brunch"),
    "tea": Words("tea teas"),
    "vegan": Words("vegan plant-based"),
    "decaf": Words("decaf"),
    "music volume": Words("music playlist volume", "quiet soft low gentle", "loud"),
    "space": Words("space", "small tiny cramped narrow", "big large spacious roomy"),
    "greenery": Words("greenery plants garden", "", "green leafy"),
    "art": Words("art paintings", "plain", "arty artistic"),
    "age": Words("age", "new modern", "old historic traditional vintage"),
    "speed": Words("speed", "slow unhurried", "fast quick"),
    "wifi": Words("wifi wi-fi internet", "slow", "fast"),
    "sockets": Words("sockets outlets plugs power"),
    "laptops": Words("laptops laptop work working study studying"),
    "friendliness": Words("friendliness staff service baristas", "rude", "friendly kind warm"),
    "crowd": Words("crowd crowds people queue queues", "empty uncrowded", "crowded busy full"),
    "children": Words("children kids child family"),
    "dogs": Words("dogs dog"),
    "price": Words("price prices", "cheap low affordable", "expensive dear pricey"),
    "terrace": Words("terrace patio outdoors outside"),
    "late hours": Words("hours night evening", "early", "late"),
}

# What an adjective may be about when it stands before a word that is no taste by itself.
SHARED = {
    "room": ("light", "space", "cosiness", "quiet"),
    "coffee": ("roast", "acidity", "body", "sweetness", "bitterness", "fruitiness", "price"),
}

MUCH, LITTLE = 85, 15
DEGREES = {
    **dict.fromkeys(("no", "without", "zero"), 5),
    **dict.fromkeys(("little", "low", "few", "less"), 20),
    **dict.fromkeys(("some", "medium", "moderate", "average", "mid"), 50),
    **dict.fromkeys(("good", "decent", "nice"), 70),
    **dict.fromkeys(("high", "strong", "much", "many", "lots", "plenty", "great"), MUCH),
}
STRONGER, WEAKER = {"very", "really", "extremely"}, {"fairly", "quite", "rather", "slightly"}
IDLE = {
    *("a", "an", "the", "of", "to", "for", "in", "on", "at", "i", "want", "would", "like"),
    *("please", "place", "places", "cafe", "café", "shop"),
}
PARTS = re.compile(r"[,;.&+]|\band\b|\bwith\b|\bbut\b")


@dataclass(frozen=True)
class Wish:
    """What somebody asked for.

    Attributes
    ----------
    text : str
        In their own words.
    said : dict of str to int
        The tastes they named, 0 to 100.
    unknown : tuple of str
        Their words that mean no taste.
    """

    text: str
    said: dict[str, int]
    unknown: tuple[str, ...]


def parse(text: str) -> Wish:
    """Understand a wish.

    Raises
    ------
    InvalidInputError
        If no word of it names a taste.

    Examples
    --------
    >>> parse("medium roast, cosy seating, quiet music").said
    {'roast': 50, 'cosiness': 85, 'music volume': 15}
    """
    said: dict[str, int] = {}
    unknown: list[str] = []
    for part in PARTS.split(text.lower()):
        _parse_part(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", part), said, unknown)
    if not said:
        raise InvalidInputError(
            f"{text!r} names none of the city's tastes, which are: {', '.join(TASTES)}"
        )
    return Wish(text, said, tuple(unknown))


def _parse_part(words: list[str], said: dict[str, int], unknown: list[str]) -> None:
    """Understand the words between two commas."""
    named = [
        (word, taste) for word in words for taste in TASTES if word in WORDS[taste].nouns.split()
    ]
    used = set()
    for noun, taste in named:
        # In "light roast", light is what roast is, and no taste by itself.
        if any(word != noun and _side(other, [noun]) for word, other in named):
            continue
        others = [word for word in words if word != noun]
        side = _side(taste, others)
        degree = next((DEGREES[word] for word in others if word in DEGREES), MUCH)
        said[taste] = _shade(degree if side is None else side[1], words)
        used |= {noun} if side is None else {noun, side[0]}
    for word in words:
        if word in used or word in DEGREES or word in STRONGER | WEAKER | IDLE or word == "not":
            continue
        about = next((tastes for noun, tastes in SHARED.items() if noun in words), tuple(WORDS))
        sides = ((taste, _side(taste, [word])) for taste in (*about, *WORDS))
        found = next(((taste, side) for taste, side in sides if side), None)
        if found is not None:
            said[found[0]] = _shade(found[1][1], words)
        elif word not in SHARED:
            unknown.append(word)


def _side(taste: str, words: list[str]) -> tuple[str, int] | None:
    """Return the adjective of a taste among these words, and how much of the taste it means."""
    for word in words:
        if word in WORDS[taste].low.split():
            return word, LITTLE
        if word in WORDS[taste].high.split():
            return word, MUCH
    return None


def _shade(value: int, words: list[str]) -> int:
    """Apply "not", "very" and "fairly"."""
    if "not" in words:
        value = 100 - value
    if STRONGER & set(words) and value != 50:
        return 95 if value > 50 else 5
    if WEAKER & set(words) and value != 50:
        return 65 if value > 50 else 35
    return value


def complete(
    wish: Wish, city: CoffeeCity, sample: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], str]:
    """Fill in the tastes that nobody named, as a local would: from the shops that fit best.

    Of the sample's shops, the one in a hundred that comes nearest on the named tastes is kept; of
    those, the commonest kind; its averages are what "goes with" the wish.

    Parameters
    ----------
    wish : Wish
        Names some tastes.
    city : CoffeeCity
        Knows the kinds of shops.
    sample : ndarray of uint8, shape (n, 32)
        The first shops of the city.

    Returns
    -------
    query : ndarray of uint8, shape (32,)
        All tastes.
    kind : str
        The kind of shop that filled them in.
    """
    columns = [TASTES.index(taste) for taste in wish.said]
    asked = np.array(list(wish.said.values()), np.float32)
    apart = np.square(sample[:, columns] - asked).sum(axis=1)
    near = np.argsort(apart, kind="stable")[: max(30, len(sample) // 100)]
    kinds = city.kinds(len(sample))[near]
    commonest = int(np.bincount(kinds).argmax())
    query = np.rint(sample[near[kinds == commonest]].mean(axis=0)).astype(np.uint8)
    query[columns] = asked
    return query, list(KINDS)[commonest]
