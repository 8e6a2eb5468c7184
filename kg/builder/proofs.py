"""Writes down how every entailed triple follows, in a form that needs no reasoner to read."""

from typing import Any

from kg.builder.axioms import Axiom, Some, describe
from kg.builder.entailed import Entailed
from kg.builder.saturation import Closure, Fact
from kg.vocabulary import compress


def write_proofs(closure: Closure, entailed: Entailed) -> dict[str, Any]:
    """Return `{axioms, facts, triples}`.

    An axiom is `[text, stated in, sources]`; a fact `[text, rule, facts before it, axiom or None]`,
    facts and axioms being named by their place in their list; `triples` gives for each entailed
    `subject property object` (CURIEs, one blank between) the facts that it restates.
    """
    facts: dict[Fact, int] = {fact: place for place, fact in enumerate(closure.why)}
    axioms: dict[Axiom, int] = {}
    rows = []
    for fact, why in closure.why.items():
        premises = [facts[premise] for premise in why.premises]
        axiom = None if why.axiom is None else axioms.setdefault(why.axiom, len(axioms))
        rows.append([_text(closure, fact), why.rule, premises, axiom])
    return {
        "axioms": [
            [str(axiom), [*map(compress, axiom.stated_in)], [*map(compress, axiom.sources)]]
            for axiom in axioms
        ],
        "facts": rows,
        "triples": {
            " ".join(map(compress, triple)): [facts[fact] for fact in proof]
            for triple, proof in entailed.proofs.items()
        },
    }


def _text(closure: Closure, fact: Fact) -> str:
    subject = describe(closure.concepts[fact[1]])
    if len(fact) == 3:
        return f"{subject} SubClassOf {describe(closure.concepts[fact[2]])}"
    return f"{subject} SubClassOf {describe(Some(fact[2], closure.concepts[fact[3]]))}"
