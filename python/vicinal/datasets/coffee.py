"""The coffee city: shops described by 32 tastes with names a person understands.

A shop is of a kind (a reading café, a station kiosk), stands in a neighbourhood, and varies along
a few lines that tastes follow together: where the roast is lighter the cup is more acid and dearer;
where it is calmer the music is lower. Every taste is a whole number from 0 to 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vicinal.datasets.synthetic import BASE, DRAWN, LAW, Generated, embed, stream
from vicinal.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

#: What is known of a shop, in the order of its vector.
TASTES = (
    *("roast", "acidity", "body", "sweetness", "bitterness", "fruitiness", "nuttiness", "milk"),
    *("pastries", "breakfast", "tea", "vegan", "decaf"),
    *("cosiness", "quiet", "music volume", "light", "space", "greenery", "art", "age"),
    *("wifi", "sockets", "laptops"),
    *("friendliness", "speed", "crowd", "children", "dogs"),
    *("price", "terrace", "late hours"),
)

# Each kind of shop: its share of the city, and the tastes in which it differs from the middle, 50.
KINDS: dict[str, tuple[float, dict[str, int]]] = {
    "neighbourhood café": (16, {"friendliness": 20, "cosiness": 12, "price": -8, "dogs": 12}),
    "espresso bar": (
        12,
        {"roast": 25, "bitterness": 20, "body": 22, "speed": 28, "space": -26, "quiet": -18},
    ),
    "roastery": (
        7,
        {"roast": -24, "acidity": 30, "fruitiness": 32, "price": 20, "milk": -24, "art": 14},
    ),
    "reading café": (
        7,
        {"quiet": 34, "cosiness": 32, "music volume": -30, "tea": 18, "age": 16, "crowd": -22},
    ),
    "study café": (
        8,
        {"wifi": 36, "sockets": 38, "laptops": 40, "quiet": 18, "late hours": 14, "price": -10},
    ),
    "bakery": (10, {"pastries": 40, "breakfast": 28, "sweetness": 18, "speed": 16, "milk": 12}),
    "brunch place": (
        8,
        {"breakfast": 40, "crowd": 24, "price": 16, "light": 20, "vegan": 14, "quiet": -20},
    ),
    "patisserie": (
        5,
        {"pastries": 38, "sweetness": 34, "tea": 16, "price": 28, "age": 20, "dogs": -24},
    ),
    "chain coffee house": (
        10,
        {"milk": 30, "sweetness": 22, "wifi": 24, "decaf": 20, "speed": 12, "cosiness": -14},
    ),
    "station kiosk": (
        6,
        {"speed": 40, "space": -42, "price": -22, "cosiness": -38, "crowd": 26, "wifi": -30},
    ),
    "garden café": (
        4,
        {"terrace": 40, "greenery": 42, "light": 28, "dogs": 26, "children": 18, "late hours": -22},
    ),
    "family café": (
        4,
        {"children": 42, "space": 30, "friendliness": 24, "quiet": -26, "breakfast": 14, "art": 10},
    ),
    "jazz café": (
        3,
        {"music volume": 34, "late hours": 38, "art": 32, "light": -30, "age": 20, "children": -34},
    ),
    "vegan café": (
        3,
        {"vegan": 46, "milk": -14, "greenery": 24, "decaf": 18, "price": 12, "art": 10},
    ),
    "hotel lounge": (
        4,
        {"price": 40, "space": 32, "cosiness": 16, "crowd": -26, "tea": 16, "speed": -22},
    ),
    "night bar": (
        3,
        {
            "late hours": 44,
            "music volume": 26,
            "crowd": 22,
            "light": -34,
            "roast": 14,
            "quiet": -34,
        },
    ),
}

NEIGHBOURHOODS = (
    *("Old Town", "Harbour", "University Hill", "Station Quarter", "Botanic Gardens"),
    *("Market Square", "Canal Row", "Mill Yard", "Observatory", "Glassworks", "Lantern Street"),
    *("Theatre Mile", "North Docks", "Orchard End", "Cathedral Close", "Tram Depot"),
    *("Printers' Lane", "Fountain Park", "Spice Wharf", "Linden Avenue", "Bell Foundry"),
    *("Old Mint", "River Steps", "Windmill Green"),
)

# The lines along which tastes vary together, in any kind of shop.
TOGETHER: tuple[dict[str, int], ...] = (
    {"roast": -9, "acidity": 9, "fruitiness": 9, "bitterness": -7, "price": 5, "milk": -4},
    {"quiet": 10, "music volume": -10, "crowd": -7, "cosiness": 6, "speed": -4},
    {"wifi": 9, "sockets": 9, "laptops": 10, "space": 4},
    {"body": 8, "nuttiness": 9, "bitterness": 6, "roast": 6, "age": 4},
    {"children": 9, "dogs": 7, "space": 7, "friendliness": 5, "terrace": 4},
    {"greenery": 10, "light": 8, "terrace": 8, "vegan": 5},
    {"late hours": 10, "light": -7, "music volume": 5, "art": 6, "breakfast": -6},
    {"pastries": 9, "breakfast": 8, "sweetness": 7, "milk": 6},
    {"price": -9, "speed": 7, "crowd": 7, "cosiness": -4, "art": -4},
    {"friendliness": 8, "cosiness": 7, "age": 7, "tea": 5},
    {"tea": 8, "decaf": 9, "vegan": 7, "sweetness": -4},
    {"space": 9, "light": 6, "age": -8, "art": 5},
)

FIRST = (
    *("Copper", "Quiet", "Velvet", "Little", "Crooked", "Amber", "Paper", "Silver", "Wandering"),
    *("Blue", "Second", "Patient", "Golden", "Salted", "Early", "Sleepy", "Humming", "Rainy"),
    *("Lucky", "Marble", "Hidden", "Slow", "Bright", "Wooden", "Secret", "Curious", "Gentle"),
    *("Northern", "Polite", "Smoky", "Spare", "Tall"),
)
SECOND = (
    *("Kettle", "Bean", "Owl", "Spoon", "Lantern", "Cup", "Sparrow", "Ledger", "Anchor", "Fox"),
    *("Saucer", "Window", "Press", "Moth", "Filter", "Chair", "Compass", "Crumb", "Piano"),
    *("Bicycle", "Grinder", "Letter", "Thimble", "Hour", "Cat", "Staircase", "Umbrella", "Atlas"),
    *("Teaspoon", "Heron", "Button", "Tap"),
)


@dataclass(frozen=True)
class Shop:
    """One coffee shop.

    Attributes
    ----------
    number : int
        Its row among the vectors.
    name, kind, neighbourhood : str
        What one would tell a friend.
    tastes : dict of str to int
        All of `CoffeeCity.tastes`, 0 to 100.
    """

    number: int
    name: str
    kind: str
    neighbourhood: str
    tastes: dict[str, int]


def name(number: int) -> str:
    """Return what a shop is called: a number's scattered bits choose, neighbours share none."""
    scattered = (number * 0x9E3779B97F4A7C15) >> 20
    first = FIRST[scattered % len(FIRST)]
    return f"The {first} {SECOND[scattered // len(FIRST) % len(SECOND)]}"


def sign(group: int) -> dict[str, str]:
    """Return the kind and neighbourhood of the shops that are drawn from a group."""
    return {
        "kind": list(KINDS)[group % len(KINDS)],
        "neighbourhood": NEIGHBOURHOODS[group // len(KINDS)],
    }


class Written(Sequence[Any]):
    """What stands over the doors of a city, by number, written when it is read."""

    def __init__(self, count: int, write: Callable[[int], Any]) -> None:
        self._all, self._write = range(count), write

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, number: int | slice) -> Any:
        if isinstance(number, slice):
            return [self._write(i) for i in self._all[number]]
        return self._write(self._all[number])


class CoffeeCity(Generated):
    """See `coffee_city`."""

    tastes = TASTES

    def __init__(self, rows: int, seed: int) -> None:
        super().__init__(rows, seed)
        self.name = f"coffee_city({rows:,}, seed={seed})"
        self.dim = len(TASTES)
        self.dtype = np.dtype(np.uint8)
        random = stream(seed, LAW)
        shares = np.array([share for share, _ in KINDS.values()], np.float64)
        # Each neighbourhood draws the kinds in its own proportions, about the city's.
        mixed = random.dirichlet(shares / shares.sum() * 20, len(NEIGHBOURHOODS))
        crowds = 1 / np.arange(2, len(NEIGHBOURHOODS) + 2)
        groups = (mixed * (crowds / crowds.sum())[:, None]).ravel()
        self._edges = np.cumsum(groups / groups.sum())
        kinds = np.stack([_row(tastes) for _, tastes in KINDS.values()])
        places = random.normal(0, 7, (len(NEIGHBOURHOODS), self.dim))
        own = random.normal(0, 5, (len(NEIGHBOURHOODS), len(KINDS), self.dim))
        centres = 50 + places[:, None] + kinds[None] + own
        self._centres = centres.reshape(-1, self.dim).astype(np.float32)
        self._widths = random.uniform(0.6, 1.3, (len(self._centres), 1)).astype(np.float32)
        self._together = np.stack([_row(tastes) for tastes in TOGETHER])

    def draw(self, random: np.random.Generator) -> NDArray[Any]:
        """Draw the tastes of `DRAWN` shops."""
        group = self._draw_groups(random)
        along = random.standard_normal((DRAWN, len(TOGETHER)), np.float32) * self._widths[group]
        tastes = embed(along, self._together)
        tastes += self._centres[group]
        tastes += np.float32(3.5) * random.standard_normal(tastes.shape, np.float32)
        return np.rint(np.clip(tastes, 0, 100, out=tastes), out=tastes).astype(np.uint8)

    def _draw_groups(self, random: np.random.Generator) -> NDArray[np.int64]:
        return np.searchsorted(self._edges[:-1], random.random(DRAWN), side="right")

    def kinds(self, count: int) -> NDArray[np.int64]:
        """Return the kind of each of the first `count` shops, as a position in `KINDS`."""
        return self._groups(count) % len(KINDS)

    def names(self) -> Written:
        """Return what the shops are called, by number."""
        return Written(self.rows, name)

    def signs(self) -> Written:
        """Return their kinds and neighbourhoods, by number, as dicts."""
        groups = self._groups(self.rows)
        return Written(self.rows, lambda number: sign(int(groups[number])))

    def _groups(self, count: int) -> NDArray[np.int64]:
        parts = [
            self._draw_groups(stream(self.seed, BASE, start // DRAWN))
            for start in range(0, count, DRAWN)
        ]
        return np.concatenate(parts)[:count]

    def shop(self, number: int) -> Shop:
        """Return what there is to say about one shop.

        Raises
        ------
        InvalidInputError
            If there is no shop of that number.
        """
        if not 0 <= number < self.rows:
            raise InvalidInputError(
                f"there is no shop {number}: numbers are 0 to {self.rows - 1:,}"
            )
        block, row = divmod(number, DRAWN)
        group = int(self._draw_groups(stream(self.seed, BASE, block))[row])
        tastes = self.draw(stream(self.seed, BASE, block))[row]
        return Shop(
            number=number,
            name=name(number),
            **sign(group),
            tastes=dict(zip(TASTES, tastes.tolist(), strict=True)),
        )


def coffee_city(n: int, seed: int = 0) -> CoffeeCity:
    """Make a city of coffee shops, each described by 32 tastes.

    Parameters
    ----------
    n : int
        How many shops. They are drawn in blocks: ten million need no more memory than one block
        until they are put into an array.
    seed : int, default 0
        Same seed, same bytes; a larger city begins with the shops of a smaller one.

    Returns
    -------
    CoffeeCity
        Array-like, uint8 of shape (n, 32), for Euclidean distance. `shop` tells a shop's name, kind
        and neighbourhood; `queries` draws tastes that somebody might ask for.

    Examples
    --------
    >>> city = coffee_city(10_000, seed=1)
    >>> shop = city.shop(1234)
    >>> 0 <= shop.tastes["roast"] <= 100
    True
    """
    return CoffeeCity(n, seed)


def _row(tastes: dict[str, int]) -> NDArray[np.float32]:
    """Spread named tastes over a vector."""
    return np.array([tastes.get(taste, 0) for taste in TASTES], np.float32)
