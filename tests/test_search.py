"""Search and autocomplete: every name leads to its entity, in any order, spelling and code."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kg.errors import BadParameter
from kg.search import Hit, Search
from kg.service import Service
from kg.views import Json, Views
from kg.words import phrase, tokens

pytestmark = pytest.mark.graph
LETTERS = "abcdefghijklmnopqrstuvwxyz"
EXACT = {"label", "synonym"}


@pytest.fixture(scope="session")
def search(leg: Service) -> Search:
    """The search over the leg graph."""
    return Search(leg.index, Views(leg.index))


@pytest.fixture(scope="session")
def names(leg: Service) -> list[tuple[str, str]]:
    """Every name of the leg graph, with its entity."""
    return [(name, e.id) for e in leg.index.entities.values() for name, _ in e.names()]


@pytest.fixture(scope="session")
def known(names: list[tuple[str, str]]) -> set[str]:
    """Every word of a name, plain and folded."""
    return {word for name, _ in names for word in (*tokens(name), *phrase(name))}


def labels(results: list[Json]) -> list[str]:
    return [result["label"] for result in results]


def same(one: str, other: str) -> bool:
    """Whether two names differ in spelling alone: number, hyphens, spaces, articles."""
    return "".join(phrase(one)) == "".join(phrase(other))


def misplaced(search: Search, text: str, name: str, identifier: str) -> list[str]:
    """What stands before an entity that is called `name`, other than its namesakes."""
    results = search.search(text, limit=100)
    place = [result["id"] for result in results].index(identifier)
    before = [result["matched"] for result in results[:place]]
    return [other for other in before if not same(other, name)]


@pytest.mark.parametrize("change", [str, str.upper, "  {}?".format])
def test_every_name_finds_its_entity_first(
    search: Search, names: list[tuple[str, str]], change: Callable[[str], str]
) -> None:
    for name, identifier in names[::6]:
        assert not misplaced(search, change(name), name, identifier), name


def test_every_plural_finds_its_entity_first(search: Search, names: list[tuple[str, str]]) -> None:
    for name, identifier in names[::6]:
        last = tokens(name)[-1]
        if name[-1].isalpha() and not last.endswith("s") and len(last) > 2:
            assert not misplaced(search, name + "s", name, identifier), name


def with_typo(name: str, place: int, other: str, way: int) -> str:
    """A name with a letter left out, replaced, put in, or swapped with the next of its word."""
    places = [i for i, letter in enumerate(name) if letter.isalpha()]
    place = places[place % len(places)]
    before, letter, after = name[:place], name[place], name[place + 1 :]
    if way == 3 and after[:1].isalpha():
        return before + after[0] + letter + after[1:]
    return before + (after, other + after, other + letter + after)[way % 3]


@given(st.integers(0, 10_000), st.integers(0, 60), st.sampled_from(LETTERS), st.integers(0, 3))
def test_a_name_with_one_typo_is_found_among_the_first_five(
    search: Search,
    names: list[tuple[str, str]],
    known: set[str],
    number: int,
    place: int,
    other: str,
    way: int,
) -> None:
    """A typo that makes another word of the graph is none, and what is spelt so goes first."""
    long = [item for item in names if len(item[0]) >= 6 and item[0].replace(" ", "").isalpha()]
    name, identifier = long[number % len(long)]
    typed = with_typo(name, place, other, way)
    changed = set(tokens(typed)) - set(tokens(name))
    assume(all(len(word) > 3 and not {word, *phrase(word)} & known for word in changed))
    results = search.search(typed, limit=100)
    spelt = sum(result["hit"] != "typo" for result in results)
    assert identifier in [result["id"] for result in results[: spelt + 5]]


@given(st.data())
def test_four_letters_autocomplete_to_a_name_unless_too_many_share_them(
    search: Search, names: list[tuple[str, str]], data: st.DataObject
) -> None:
    name, identifier = data.draw(st.sampled_from(names))
    assume(len(name) >= 4)
    begun = name[: data.draw(st.integers(4, len(name)))]
    results = search.autocomplete(begun)
    if identifier not in [result["id"] for result in results]:
        assert len(results) == 10
        assert all(result["hit"] in EXACT | {"label_prefix", "synonym_prefix"}
                   for result in results), begun  # fmt: skip


@given(st.text(min_size=1, max_size=60), st.integers(1, 100))
def test_better_hits_go_first_and_no_entity_twice(search: Search, text: str, limit: int) -> None:
    assume(text.strip())
    for results in (search.search(text, limit=limit), search.autocomplete(text, limit=limit)):
        hits = [Hit[result["hit"].upper()] for result in results]
        assert hits == sorted(hits)
        assert len({result["id"] for result in results}) == len(results) <= limit


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("clawdication", "intermittent claudication"),
        ("planter fasciitis", "plantar fasciitis"),
        ("sciatcia", "sciatica"),
        ("haemotoma", "haematoma"),
        ("acheles", "Achilles tendon"),
        ("acheles tendon", "Achilles tendon"),
        ("pian", "pain"),
        ("knee pian", "knee pain"),
        ("lge pain", "leg pain"),
        ("calfpian", "calf pain"),
        ("socket of teh hip", "acetabulum"),
        ("heal pain", "heel pain"),
        ("ostioarthritis", "osteoarthritis"),
        ("flebitis", "superficial thrombophlebitis"),
        ("restles leg sindrome", "restless legs syndrome"),
        ("deep vien trombosis", "deep vein thrombosis"),
    ],
)
def test_a_misspelt_name_is_understood(search: Search, typed: str, meant: str) -> None:
    for results in (search.search(typed), search.autocomplete(typed)):
        assert results[0]["label"] == meant
        assert results[0]["hit"] == "typo"


def test_a_misspelt_beginning_is_completed(search: Search) -> None:
    assert "intermittent claudication" in labels(search.autocomplete("clawdi"))
    assert "plantar fasciitis" in labels(search.autocomplete("plantr fasc"))


@pytest.mark.parametrize("text", ["clf", "xyz", "zzzz", "qqq qqq", "age 11 to 97", "?", "ß"])
def test_short_words_and_numbers_are_not_guessed_at(search: Search, text: str) -> None:
    assert search.search(text) == []


def test_what_is_spelt_right_is_not_corrected(search: Search) -> None:
    for text in ("calf", "gout", "plantar fasciitis", "hip pain"):
        assert "typo" not in {result["hit"] for result in search.search(text, limit=100)}


@pytest.mark.parametrize(
    ("text", "first", "hit"),
    [
        ("fasciitis plantar", "plantar fasciitis", "label_word"),
        ("pain in the calf", "calf pain", None),
        ("xray", "X-ray", "label"),
        ("icepack", "ice application", "synonym"),
        ("ischemia", "ischaemia", None),
        ("Behcets disease", None, None),
        ("fascias", "fascia", "label"),
        ("MS", "multiple sclerosis", "synonym"),
        ("PTS", "post-thrombotic syndrome", "synonym"),
        ("the calf", "calf", "label"),
    ],
)
def test_order_spaces_and_spelling_do_not_count(
    search: Search, text: str, first: str | None, hit: str | None
) -> None:
    result = search.search(text)[0]
    assert first in (None, result["label"])
    assert hit in (None, result["hit"])
    assert result["hit"] != "typo"


def test_all_meanings_of_a_phrase_are_given_with_what_makes_them_so(search: Search) -> None:
    results = [r for r in search.search("charley horse") if r["matched"] == "charley horse"]
    assert labels(results) == ["cramp", "leg cramp", "muscle cramp"]
    assert all(r["hit"] == "synonym" and r["synonym"]["scope"] for r in results)
    assert search.search("calf")[0]["synonym"] is None


def test_labels_go_before_synonyms_and_exact_ones_before_others(search: Search) -> None:
    scopes = {"exact": 1, "narrow": 2, "broad": 3, "related": 4}
    for text in ("cramp", "sore", "pain", "inflamed joint"):
        for hit in ("synonym", "synonym_prefix", "synonym_word"):
            ranked = [
                (scopes[r["synonym"]["scope"]], len(r["matched"]), r["matched"].lower())
                for r in search.search(text, limit=100)
                if r["hit"] == hit
            ]
            assert ranked == sorted(ranked)


@pytest.mark.parametrize("written", ["{}", "<{}>", " {} "])
def test_an_identifier_comes_first(search: Search, leg: Service, written: str) -> None:
    for entity in list(leg.index.entities.values())[::40]:
        for name in (entity.id, entity.iri, entity.id.lower()):
            result = search.search(written.format(name))[0]
            assert (result["id"], result["hit"]) == (entity.id, "identifier")


def test_every_cross_reference_finds_its_entities_exact_ones_first(
    search: Search, leg: Service
) -> None:
    order = ["exact", "close", "narrow", "broad"]
    for entity in leg.index.entities.values():
        for mapping in entity.mappings[:1]:
            results = [r for r in search.search(mapping.id, limit=100) if r["hit"] == "mapping"]
            assert all(r["mapping"]["id"] == mapping.id for r in results)
            strengths = [order.index(r["mapping"]["strength"]) for r in results]
            assert strengths == sorted(strengths)
            assert len(results) == 100 or entity.id in [r["id"] for r in results]


@pytest.mark.parametrize(
    ("text", "curie", "label"),
    [
        ("I73.9", "ICD10CM:I73.9", "peripheral artery disease"),
        ("i739", "ICD10CM:I73.9", "peripheral artery disease"),
        ("ICD-10 I73.9", "ICD10CM:I73.9", "peripheral artery disease"),
        ("ICD10CM:I73.9", "ICD10CM:I73.9", "peripheral artery disease"),
        ("D012148", "MESH:D012148", "restless legs syndrome"),
        ("MeSH D012148", "MESH:D012148", "restless legs syndrome"),
        ("HP:0003394", "HP:0003394", "cramp"),
        ("HP_0003394", "HP:0003394", "cramp"),
        ("hpo 0003394", "HP:0003394", "cramp"),
        ("http://purl.obolibrary.org/obo/HP_0003394", "HP:0003394", "cramp"),
        ("doid:9600", "DOID:9600", "plantar fasciitis"),
    ],
)
def test_a_code_goes_as_people_write_it(search: Search, text: str, curie: str, label: str) -> None:
    for results in (search.search(text), search.autocomplete(text)):
        found = {result["label"]: result for result in results}
        assert found[label]["hit"] == "mapping"
        assert found[label]["mapping"]["id"] == curie


def test_an_icd_code_finds_what_is_below_it_or_else_above(search: Search) -> None:
    below = search.search("I73")
    assert {r["mapping"]["id"].startswith("ICD10CM:I73.") for r in below} == {True}
    above = search.search("M76.61")
    assert [(r["label"], r["hit"]) for r in above] == [("Achilles tendinopathy", "mapping_near")]
    assert above[0]["mapping"] == {"id": "ICD10CM:M76.6", "strength": "close"}
    assert search.search("9600") == []


def test_kind_and_ancestor_narrow_together(search: Search, leg: Service) -> None:
    everything = search.search("pain", limit=100)
    for ancestor in ("etio:Foot", "https://w3id.org/etiograph/Foot", "foot", "feet"):
        regions = search.search("toe", "region", 100, under=ancestor)
        assert regions
        for result in regions:
            assert result["kind"] == "region"
            assert "etio:Foot" in leg.index.broader(result["id"])
    assert labels(search.search("foot", under="foot"))[0] == "foot"
    conditions = search.search("pain", limit=100, under="etio:Condition")
    assert {r["kind"] for r in conditions} == {"condition"}
    assert len(everything) >= len([r for r in everything if r["kind"] == "condition"]) > 0
    assert search.autocomplete("toe", under="etio:Calf") == []


@pytest.mark.parametrize("under", ["etio:Nothing", "charley horse", "", "x" * 300, "http://x/y"])
def test_an_ancestor_that_is_not_known_is_refused(search: Search, under: str) -> None:
    with pytest.raises(BadParameter, match="under: "):
        search.search("calf", under=under)
