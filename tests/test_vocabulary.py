"""CURIEs and local names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import BadParameter
from kg.vocabulary import PREFIXES, compress, expand, is_iri, local_name

LOCAL = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./", min_size=1)


@given(st.sampled_from(sorted(PREFIXES)), LOCAL)
def test_expand_and_compress_are_inverse(prefix: str, local: str) -> None:
    assert compress(expand(f"{prefix}:{local}")) == f"{prefix}:{local}"


def test_an_iri_of_another_namespace_is_left_as_it_is() -> None:
    assert compress("http://example.org/x") == "http://example.org/x"


@pytest.mark.parametrize("text", ["calf", "nope:Calf", ":Calf", "etio:a b", 'etio:a">', "etio:a\n"])
def test_what_is_no_curie_is_refused(text: str) -> None:
    with pytest.raises(BadParameter):
        expand(text)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("calf muscle", "CalfMuscle"),
        ("X-ray", "XRay"),
        ("Baker's cyst", "BakersCyst"),
        ("age 20 to 40", "Age20To40"),
        ("", ""),
    ],
)
def test_local_names_are_upper_camel_case(label: str, name: str) -> None:
    assert local_name(label) == name


@pytest.mark.parametrize(
    ("text", "expected"),
    [("https://a.b/c", True), ("a b", False), ("https://a.b/>", False), ("calf", False)],
)
def test_iris_are_told_from_words(text: str, expected: bool) -> None:
    assert is_iri(text) is expected
