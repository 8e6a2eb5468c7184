"""What the leg ontology promises of its content: cross-references, grades, urgency, proofs."""

from collections import Counter

import pytest

from kg.builder.grading import grade
from kg.index import Index
from kg.proofs import leaves
from kg.service import Service
from kg.vocabulary import compress, expand

pytestmark = pytest.mark.graph


@pytest.mark.parametrize(
    ("kind", "share"), [("condition", 0.9), ("region", 0.7), ("symptom", 0.7), ("treatment", 0.4)]
)
def test_terms_have_counterparts_elsewhere(leg: Service, kind: str, share: float) -> None:
    terms = [entity for entity in leg.index.entities.values() if entity.kind == kind]
    assert sum(bool(entity.mappings) for entity in terms) >= share * len(terms)


def test_every_counterpart_has_an_address_and_comes_back(leg: Service) -> None:
    for entity in leg.index.entities.values():
        for mapping in entity.mappings:
            assert compress(expand(mapping.id)) == mapping.id
            if mapping.strength == "exact":
                assert leg.index.resolve(mapping.id) is entity


def test_every_term_stands_on_one_path_below_its_top_class(leg: Service) -> None:
    for entity in leg.index.entities.values():
        assert len(entity.parents) <= 1 or entity.kind == "group", entity.id


def test_each_kind_of_term_has_a_tree(leg: Service) -> None:
    for kind in ("condition", "symptom", "region", "risk_factor", "treatment", "factor"):
        terms = [entity for entity in leg.index.entities.values() if entity.kind == kind]
        roots = [entity for entity in terms if not entity.parents]
        assert len(roots) <= 25, kind
        assert max(len(entity.ancestors) for entity in terms) >= 3, kind


def test_resting_and_exertion_include_what_they_should(leg: Service) -> None:
    for narrow, broad in (
        ("Sitting", "Rest"), ("LyingDown", "Rest"), ("Walking", "PhysicalActivity"),
        ("Running", "PhysicalActivity"), ("ClimbingStairs", "PhysicalActivity"),
        ("Calf", "LowerLeg"), ("Calf", "Leg"), ("CalfMuscle", "Leg"),
    ):  # fmt: skip
        assert f"etio:{broad}" in leg.index.broader(f"etio:{narrow}"), (narrow, broad)


def test_every_group_is_found_to_have_members(leg: Service) -> None:
    groups = [entity.id for entity in leg.index.entities.values() if entity.kind == "group"]
    assert len(groups) >= 40
    assert [group for group in groups if not leg.index.members.get(group)] == []


def test_an_urgency_comes_with_a_source_of_its_own(leg: Service) -> None:
    said = Counter(claim.urgency for claim in leg.index.claims.values() if claim.urgency)
    assert set(said) == {"emergency", "urgent", "see_doctor"}
    for claim in leg.index.claims.values():
        assert not claim.urgency or claim.relation == "has_red_flag"
        assert claim.source in leg.index.sources


@pytest.mark.parametrize(
    ("publishers", "expected"),
    [
        ([("A", "government"), ("B", "hospital")], "high"),
        ([("A", "government"), ("A", "government")], "moderate"),
        ([("A", "reference"), ("B", "other")], "moderate"),
        ([("A", "charity")], "low"),
        ([("A", "other"), ("B", "other")], "low"),
        ([("A", "other")], "very_low"),
    ],
)
def test_evidence_is_graded_by_publishers(publishers: list[tuple[str, str]], expected: str) -> None:
    assert grade(publishers) == expected


def test_statements_of_the_same_share_their_grade(leg: Service) -> None:
    grades: dict[tuple[str, str, str], set[str]] = {}
    for claim in leg.index.claims.values():
        key = (claim.subject, claim.relation, claim.value)
        grades.setdefault(key, set()).add(claim.grade)
    assert all(len(found) == 1 for found in grades.values())


def test_the_proof_of_an_entailed_answer_ends_in_axioms_with_their_sources(leg: Service) -> None:
    """Every condition of the calf: some axiom of each proof is stated by a source."""
    for condition in _presented_in(leg.index, "etio:Calf"):
        found = leaves(leg.snapshot.proofs.prove(condition, "etio:presentsIn", "etio:Leg"))
        assert all("axiom" in leaf for leaf in found)
        stated = [leaf for leaf in found if leaf["sources"]]
        assert stated, condition
        assert any(leaf["stated_in"] for leaf in stated), condition
        for leaf in stated:
            assert all(source in leg.index.sources for source in leaf["sources"])


def _presented_in(index: Index, region: str) -> set[str]:
    presentations = index.presented_with["region", region]
    return {condition for p in presentations for condition in p.conditions}
