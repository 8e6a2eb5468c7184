"""Everything Etiograph answers over one snapshot, without a word of HTTP.

The command line and `server.py` are two faces of this class.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from kg.answers import DEFAULT_LIMIT, Answerer
from kg.claims import ClaimChecker
from kg.coverage import coverage
from kg.differential import Differential
from kg.entities import describe
from kg.errors import BadParameter, NotUnderstood
from kg.grammar import COMPARISON, STATEMENT
from kg.imports import Imports
from kg.lexicon import Lexicon
from kg.matching import Matcher
from kg.proofs import leaves
from kg.queries import NamedQuery, Queries, Select, select_from
from kg.rare_diseases import RareDiseases
from kg.reading import Reader, Reading
from kg.rechecking import recheck_file
from kg.reference import reference
from kg.search import Search
from kg.snapshot import Snapshot
from kg.structure import from_json
from kg.terms import Terms
from kg.views import DISCLAIMER, Json, Views
from kg.vocabulary import compress, is_curie, is_iri

QUERY_FOLDER = Path(__file__).resolve().parents[1] / "queries"


class Service:
    """Answers over one snapshot; every payload names the version it came from."""

    def __init__(self, snapshot: Snapshot, query_folder: Path = QUERY_FOLDER) -> None:
        self.snapshot = snapshot
        self.version = snapshot.version
        self.index = snapshot.index
        self._query_folder = query_folder
        self._views = Views(self.index)
        self.matcher = Matcher(self.index)
        self._lexicon = Lexicon(self.index)
        self.reader = Reader(self.index, self._lexicon)
        self.answerer = Answerer(self.matcher, self._views, self.version)
        self._search = Search(self.index, self._views)
        self._differential = Differential(
            self.matcher, self._views, self.version, self.answerer.ranked
        )
        self.imports = Imports(snapshot.path, snapshot.imports)
        self._turn = Lock()
        """For what reads catalogues: SQLite gives Python's lock up at every row, and threads that
        fight for it at each of them are many times slower than one after the other."""
        self.terms = Terms(self.imports, self.index, self._views, self.version)
        self._rare_diseases = RareDiseases(self.imports, self.terms, self.index)

    @cached_property
    def _checker(self) -> ClaimChecker:
        return ClaimChecker(self.matcher, self._lexicon, self._views, self.version)

    @cached_property
    def _queries(self) -> Queries:
        return Queries(self._query_folder, self.index)

    def ask(self, text: str, limit: int = DEFAULT_LIMIT, offset: int = 0) -> Json:
        """Answer a question in words; NotUnderstood where it has no reading.

        One that asks yes or no is answered by a `verdict`, one that compares by a `differential`,
        one for rare diseases by a `phenotype_ranking`.
        """
        return self._other_kind(text, limit) or self.answerer.answer(
            self.reader.read(text), limit, offset
        )

    def _other_kind(self, text: str, limit: int) -> Json | None:
        """The answer to a statement, a comparison or a question for rare diseases, if it is one."""
        said = self._rare_diseases.asked(text)
        if said is not None and self._rare_diseases.can_answer:
            with self._turn:
                ranking = self._rare_diseases.answer(said, limit)
            return self.answerer.framed(_canonical(ranking), phenotype_ranking=ranking)
        plain = " ".join(text.split()).strip(" ?.!")
        compared = COMPARISON.fullmatch(plain)
        if compared is not None:
            names = [self.reader.condition(part) for part in compared.groups()]
            if None not in names and len(set(names)) == len(names):
                found = self._differential.tell_apart({"candidates": names})
                labels = " and ".join(one["label"] for one in found["candidates"])
                return self.answerer.framed(f"What tells {labels} apart?", differential=found)
        if STATEMENT.fullmatch(plain) is not None:
            with suppress(NotUnderstood):
                verdict = self._checker.check({"sentence": plain})
                return self.answerer.framed(verdict["statement"], verdict=verdict)
        return None

    def answer(self, data: object, limit: int = DEFAULT_LIMIT, offset: int = 0) -> Json:
        """Answer a structured question (see `kg.structure`); BadParameter where it is not one."""
        reading = Reading(from_json(data, self.index))
        return self.answerer.answer(reading, limit, offset)

    def differential(self, data: object) -> Json:
        """Tell conditions apart: `{candidates}` or `{question, limit}`."""
        return self._differential.tell_apart(data)

    def verify(self, data: object) -> Json:
        """The verdict of the sources on a statement, in words or as a triple."""
        return self._checker.check(data)

    def recheck(self, path: Path) -> Json:
        """Whether the proof in a file holds in this snapshot."""
        select = select_from(self.snapshot.dataset)
        return recheck_file(path, self.index, select, self.version)

    def entity(self, text: str) -> Json:
        """Describe the entity that a CURIE, an IRI or a label names.

        `places` are where its counterparts stand in the vocabularies that are imported.
        """
        entity = self.index.resolve(text)
        described = describe(self.index, entity.id, self.version)
        with self._turn:
            return {**described, "places": self.terms.places(entity.mappings)}

    def search(
        self, text: str, kind: str | None = None, limit: int = 20, under: str | None = None
    ) -> Json:
        """Entities by name or code, best first; `under` is an ancestor that they must have."""
        return self._framed(results=self._search.search(text, kind, limit, under))

    def autocomplete(
        self, text: str, kind: str | None = None, limit: int = 10, under: str | None = None
    ) -> Json:
        """Entities of whose names a word begins with the text."""
        return self._framed(results=self._search.autocomplete(text, kind, limit, under))

    def term(self, text: str) -> Json:
        """Describe the imported term that a CURIE, an IRI or a label names."""
        with self._turn:
            return self.terms.describe(text)

    def search_terms(self, text: str, name: str | None = None, limit: int = 20) -> Json:
        """Imported terms by name or code, best first; `name` is an import, or all are searched."""
        with self._turn:
            return self._framed(results=self.imports.search(text, name, limit))

    def vocabularies(self) -> Json:
        """What stands beside the leg graph, with version, date and licence."""
        return self._framed(vocabularies=self.imports.described())

    def rank_phenotypes(
        self, present: Sequence[str], absent: Sequence[str] = (), limit: int = DEFAULT_LIMIT
    ) -> Json:
        """Diseases by phenotypes that are present and absent: CURIEs or names of HPO."""
        with self._turn:
            return self._framed(**self._rare_diseases.rank(present, absent, limit))

    def queries(self) -> list[NamedQuery]:
        """The named queries."""
        return self._queries.all()

    def named_query(self, name: str) -> NamedQuery:
        """One named query."""
        return self._queries.get(name)

    def run_query(self, name: str, values: Mapping[str, str], select: Select | None = None) -> Json:
        """Run a named query with its parameters as texts; without `select`, in this process."""
        run = select or select_from(self.snapshot.dataset)
        return self._framed(**self._queries.run(name, values, run))

    def prove(self, subject: str, term_property: str, value: str) -> Json:
        """The proof of an entailed triple; each part is a CURIE, an IRI or a label."""
        triple = (self._curie(subject), _property(term_property), self._curie(value))
        proof = self.snapshot.proofs.prove(*triple)
        return self._framed(statement=" ".join(triple), proof=proof, leaves=leaves(proof))

    @cached_property
    def _reference(self) -> Json:
        return reference(self.index)

    def reference(self) -> Json:
        """The ontology's figures, tree of terms and relations."""
        return self._framed(**self._reference)

    def coverage(self) -> Json:
        """What is recorded of each condition and what is missing."""
        return self._framed(**coverage(self.index))

    def health(self) -> Json:
        """State and figures of the snapshot; `triples` are all, `imports` name → version."""
        manifest = self.snapshot.manifest
        imports = self.snapshot.imports.items()
        return {
            "status": "ok",
            "version": self.version,
            "created": manifest["created"],
            "reasoner": manifest["reasoner"],
            "counts": {**manifest["counts"], "triples": self.snapshot.triples},
            "imports": {name: one["description"]["version"] or None for name, one in imports},
        }

    def _curie(self, text: str) -> str:
        """An entity's CURIE; any other CURIE (a presentation, a schema class) stays as it is."""
        if is_curie(text):
            return text
        return compress(text) if is_iri(text) else self.index.resolve(text).id

    def _framed(self, **payload: Any) -> Json:
        return {**payload, "version": self.version, "disclaimer": DISCLAIMER}


def _canonical(ranking: Json) -> str:
    """What a ranking by phenotype answers, in words."""
    present = " and ".join(term["label"] for term in ranking["present"])
    absent = " or ".join(term["label"] for term in ranking["absent"])
    return f"Rare diseases with {present}" + (f" but without {absent}" if absent else "")


def _property(text: str) -> str:
    if is_curie(text):
        return text
    if not is_iri(text):
        raise BadParameter(f"{text!r} is not a property: give a CURIE such as etio:hasSymptom")
    return compress(text)
