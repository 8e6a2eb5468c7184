"""Folding: what people write and what the ontology says must meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.words import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("calf cramps", "calf cramp"),
        ("Calves", "calf"),
        ("ischaemia", "ischemia"),
        ("oedema", "edema"),
        ("diarrhoea", "diarrhea"),
        ("tumour", "tumors"),
        ("skin colour change", "skin color changes"),
        ("localised", "localized"),
        ("muscle fibre", "muscle fiber"),
        ("Parkinson's disease", "Parkinson disease"),
        ("Morton\u2019s neuroma", "morton neuroma"),
        ("Sjögren", "sjogren"),
        ("arteries", "artery"),
        ("X-ray", "x ray"),
        ("feet", "foot"),
        ("numb", "numbness"),
    ],
)
def test_spellings_meet(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("toe", "tea"),
        ("shoe", "she"),
        ("arthritis", "arthrosis"),
        ("hour", "hor"),
        ("vein", "vine"),
    ],
)
def test_different_words_stay_apart(one: str, other: str) -> None:
    assert fold(one) != fold(other)


@given(st.text())
def test_any_text_folds_to_plain_words(text: str) -> None:
    assert all(word.isascii() and word.isalnum() for word in fold(text).split())


@given(st.text("abcdefghijklmnopqrstuvwxyz -'"))
def test_capitals_do_not_count(text: str) -> None:
    assert fold(text) == fold(text.upper())
