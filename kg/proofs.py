"""Tells why an entailed statement holds: a tree whose leaves are asserted axioms with sources."""

from collections.abc import Mapping
from typing import Any

from kg.errors import NoProof


class Proofs:
    """The derivations recorded by the build; see `kg.builder.proofs` for the form of `data`."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._axioms: list[Any] = data["axioms"]
        self._facts: list[Any] = data["facts"]
        self._triples: dict[str, list[int]] = data["triples"]

    def prove(self, subject: str, term_property: str, value: str) -> dict[str, Any]:
        """The proof of a triple given by CURIEs.

        Returns `{statement, rule, because: [...]}`, nested; a leaf is `{axiom, stated_in,
        sources}` with CURIEs. NoProof where the triple does not follow.
        """
        facts = self._triples.get(f"{subject} {term_property} {value}")
        if facts is None:
            raise NoProof(
                f"{subject} {term_property} {value} does not follow from what is recorded"
            )
        if len(facts) == 1:
            return self._tree(facts[0])
        return {
            "statement": f"{subject} {term_property} {value}",
            "rule": "composition",
            "because": [self._tree(fact) for fact in facts if not self._is_trivial(fact)],
        }

    def _is_trivial(self, fact: int) -> bool:
        return bool(self._facts[fact][1] == "reflexivity")

    def _tree(self, fact: int) -> dict[str, Any]:
        text, rule, premises, axiom = self._facts[fact]
        because = [self._tree(premise) for premise in premises if not self._is_trivial(premise)]
        if axiom is not None:
            statement, stated_in, sources = self._axioms[axiom]
            leaf = {"axiom": statement, "stated_in": stated_in, "sources": sources}
            if not because:
                return leaf
            because.append(leaf)
        return {"statement": text, "rule": rule, "because": because}


def leaves(proof: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The axioms at the leaves of a proof, each once, in the order of use."""
    if "axiom" in proof:
        return [proof]
    found = (leaf for reason in proof["because"] for leaf in leaves(reason))
    return list({leaf["axiom"]: leaf for leaf in found}.values())
