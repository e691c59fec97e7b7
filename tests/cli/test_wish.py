"""Wishes in words, made into tastes."""

from __future__ import annotations

import numpy as np
import pytest

from vicinal.datasets import coffee_city
from vicinal.datasets.coffee import TASTES
from vicinal.demo.wish import WORDS, Wish, complete, parse
from vicinal.errors import InvalidInputError


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "medium roast, cosy seating, quiet music",
            {"roast": 50, "cosiness": 85, "music volume": 15},
        ),
        ("light roast", {"roast": 15}),
        ("dark roast and bright light", {"roast": 85, "light": 85}),
        ("dark room", {"light": 15}),
        ("dark coffee", {"roast": 85}),
        ("quiet", {"quiet": 85}),
        ("Very cheap, but not crowded", {"price": 5, "crowd": 15}),
        ("no music; lots of plants", {"music volume": 5, "greenery": 85}),
        ("dogs", {"dogs": 85}),
        ("fairly expensive", {"price": 65}),
        ("a place with fast wifi and fast service", {"wifi": 85, "friendliness": 85, "speed": 85}),
        ("slow wifi", {"wifi": 15}),
    ],
)
def test_words_are_understood(text, said):
    wish = parse(text)
    assert wish.said == said
    assert wish.unknown == ()


def test_unknown_words_are_told():
    wish = parse("cosy spaceship, quiet music")
    assert wish.said == {"cosiness": 85, "music volume": 15}
    assert wish.unknown == ("spaceship",)


@pytest.mark.parametrize("text", ["", "spaceships", ", ,", "zwölf Äpfel"])
def test_a_wish_without_tastes_lists_them(text):
    with pytest.raises(InvalidInputError, match="roast, acidity"):
        parse(text)


@pytest.mark.parametrize("taste", TASTES)
def test_every_taste_has_a_word(taste):
    noun = WORDS[taste].nouns.split()[0]
    assert parse(f"medium {noun}").said == {taste: 50}


def test_what_is_left_open_comes_from_shops_that_fit():
    city = coffee_city(20_000, seed=2)
    shops = city.array()
    said = {"wifi": 90, "sockets": 90, "laptops": 95}
    query, kind = complete(Wish("", said, ()), city, shops)
    assert kind == "study café"
    assert {taste: query[TASTES.index(taste)] for taste in said} == said
    near = np.abs(shops.astype(int) - query).mean(axis=1)
    assert near.min() < 10, "nobody lives where the query is"
