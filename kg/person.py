"""Who a question is about: ages and sexes in words, and the risk factors that they are.

Ages in years of the ontology's age terms; where a term gives no numbers, those of its definition's
usual sense.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from kg.index import Index
from kg.questions import NOBODY, Person

AGES: Mapping[str, tuple[int, int]] = {
    "childhood": (0, 12),
    "adolescence": (10, 19),
    "young adult age": (18, 40),
    "middle age": (40, 65),
    "older age": (60, 120),
}
"""Label of an age term without numbers → years from and to."""
_RANGE = re.compile(r"age (?:(\d+) to (\d+)|over (\d+)|under (\d+))")
OLDEST = 120
_NUMBERS = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = {
    "teens": 15, "twenties": 25, "thirties": 35, "forties": 45, "fifties": 55, "sixties": 65,
    "seventies": 75, "eighties": 85, "nineties": 95,
}  # fmt: skip
_NUMBER = rf"\d{{1,3}}|{'|'.join(_NUMBERS)}"
_UNITS = (
    r"(?![- ]*(?:weeks?|wks?|months?|mths?|days?|hours?|hrs?|min|second|miles?|km|times?|st|kg|lb|"
    r"%|\d))"
)
_PEOPLE = (
    "man|woman|boy|girl|child|kid|lad|lass|person|lady|gentleman|guy|bloke|male|female|daughter|son|"
    "mum|mom|mother|dad|father|nan|nana|gran|grandma|grandad|grandpa|grandmother|grandfather|husband|"
    "wife|partner|sister|brother|teen|teenager|toddler|patient|smoker|runner|player|gymnast|dancer|"
    "footballer|cyclist|driver|nurse|worker|athlete|recruit|student|cook|waitress|waiter|builder"
)
_AGED = re.compile(
    r"\b(?:(?:aged?|i'?m|i am|he'?s|she'?s|who is|turned) "
    rf"(?:about |nearly |now |only |just |over )?({_NUMBER})\b{_UNITS}"
    rf"|({_NUMBER})[ -]?(?:years?[ -]?old|yrs?[ -]?old|y/?o\b|year[ -]olds?)"
    rf"|(?:{_PEOPLE})(?:,| is| of| aged)? (\d{{1,3}})\b{_UNITS}"
    rf"|(\d{{1,3}}) ?(?:m|f|yo|{_PEOPLE})\b"
    r"|(?:^|(?<=[.,;] ))(\d{2})(?=\s*(?:[.,;]|$))"
    rf"|(?:in (?:my|his|her|their) (?:early |mid |late |mid-)?)({'|'.join(_TENS)}|(\d0)'?s))"
    r"|(\d{1,2})[ -]?(?:months?|mths?)[ -]old|(?:toddler|baby|infant),? (\d{1,2}) (?:months?|mths?)"
)
_GROUPS = (
    (
        re.compile(
            r"\b(?<!like )(?<!like an )(?:elderly|pensioner|old (?:man|woman|lady)|"
            r"grand(?:mother|father|ma|pa|dad))\b"
        ),
        75,
    ),
    (re.compile(r"\b(?:teen(?:age|ager|aged)?s?|adolescents?)\b"), 15),
    (
        re.compile(r"\b(?:toddlers?|baby|babies|infants?)\b"),
        2,
    ),
    (
        re.compile(
            r"\b(?<!as a )(?<!was a )(?<!as )(?:children|child|kids?|boys?|girls?|little one)\b"
        ),
        8,
    ),
    (re.compile(r"\bmiddle[ -]aged\b"), 50),
)
_FEMALE = "females?|wom[ae]n|girls?|she|her|lady|mother|mum|mom|daughter|wife|sister|grandmother"
_MALE = "males?|m[ae]n|boys?|he|his|him|gentleman|father|dad|son|husband|brother|grandfather"
_SEXES = (
    ("female", re.compile(rf"\b(?:{_FEMALE})\b")),
    ("male", re.compile(rf"\b(?:{_MALE})\b")),
)
SEX_TERMS = {"female": "female sex", "male": "male sex"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a text tells of a person, and where (spans of characters)."""

    person: Person
    spans: tuple[tuple[int, int], ...]


def read_person(plain: str) -> Told:
    """Age and sex as far as a lower-case text tells them."""
    person = NOBODY
    spans: list[tuple[int, int]] = []
    found = _AGED.search(plain)
    if found is not None:
        person = replace(person, age=min(_years(found), OLDEST))
        spans.append(found.span())
    for pattern, age in _GROUPS if found is None else ():
        group = pattern.search(plain)
        if group is not None and person.age is None:
            person = replace(person, age=age)
            spans.append(group.span())
    sexes = [(match, sex) for sex, pattern in _SEXES if (match := pattern.search(plain))]
    if len(sexes) == 1:
        person = replace(person, sex=sexes[0][1])
        spans.append(sexes[0][0].span())
    return Told(person, tuple(spans))


def _years(found: re.Match[str]) -> int:
    text = next((found[group] for group in range(1, 6) if found[group]), None)
    months = found[8] or found[9]
    if months:
        return int(months) // 12
    if text is None:
        return int(found[7]) + 5 if found[7] else _TENS[found[6]]
    return int(text) if text.isdecimal() else _NUMBERS.index(text) + 1


class People:
    """The age and sex terms of an index."""

    def __init__(self, index: Index) -> None:
        self.ages = dict(_ages(index))
        """Age term (CURIE) → years from and to."""
        by_label = {entity.label: entity.id for entity in index.entities.values()}
        self.sexes = {sex: by_label[label] for sex, label in SEX_TERMS.items() if label in by_label}

    def covers(self, term: str, age: int) -> bool:
        """Whether an age term holds an age in years."""
        low, high = self.ages[term]
        return low <= age <= high

    def width(self, term: str) -> tuple[int, str]:
        """How many years an age term holds; the narrowest tells most."""
        low, high = self.ages[term]
        return high - low, term

    def factors(self, person: Person) -> frozenset[str]:
        """The risk factors (CURIEs) that a person has beside the age: told, and by sex."""
        found = set(person.risk_factors)
        if person.sex in self.sexes:
            found.add(self.sexes[person.sex])
        return frozenset(found)


def _ages(index: Index) -> Iterator[tuple[str, tuple[int, int]]]:
    for entity in index.entities.values():
        if entity.kind != "risk_factor":
            continue
        numbers = _RANGE.fullmatch(entity.label)
        if numbers is not None:
            low, high, over, under = (int(part) if part else None for part in numbers.groups())
            if over is not None:
                yield entity.id, (over, OLDEST)
            elif under is not None:
                yield entity.id, (0, under)
            elif low is not None and high is not None:
                yield entity.id, (low, high)
        elif entity.label in AGES:
            yield entity.id, AGES[entity.label]
