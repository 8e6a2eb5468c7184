"""Answers a structured question: matches, ranks and explains, as the payload of `/ask`."""

from collections.abc import Iterable, Sequence
from contextlib import suppress

from kg.assessment import Assessed, Assessor, Met
from kg.dangers import Dangers, Matched, coverage_of
from kg.errors import BadParameter, NoProof
from kg.matching import Matcher, Status
from kg.proving import Prover
from kg.questions import (
    ANSWER_ROLES,
    RELATION_ASKED,
    Question,
    class_expression,
    sentence,
    sparql,
)
from kg.ranking import FREQUENCY_WEIGHTS, evidence
from kg.reading import Reading
from kg.records import Claim, Presentation
from kg.relaxing import Relaxer
from kg.structure import to_json
from kg.views import DISCLAIMER, RELATION_SAID, Json, Views

DEFAULT_LIMIT = 20
MAX_LIMIT = 200


class Answerer:
    """Answers questions over one index."""

    def __init__(self, matcher: Matcher, views: Views, version: str) -> None:
        self._index = matcher.index
        self._version = version
        self._views = views
        self._matcher = matcher
        self._assessor = Assessor(matcher)
        self._dangers = Dangers(matcher.index, views)
        self._relaxer = Relaxer(matcher, views)
        self._prover = Prover(matcher.index, version)

    def answer(self, reading: Reading, limit: int = DEFAULT_LIMIT, offset: int = 0) -> Json:
        """The payload for a reading; `limit` answers from `offset` on, `total` counts all."""
        if not 1 <= limit <= MAX_LIMIT:
            raise BadParameter(f"limit must be from 1 to {MAX_LIMIT}, not {limit}")
        if offset < 0:
            raise BadParameter(f"offset must not be negative, as {offset} is")
        question = reading.question
        ranked: list[Assessed] = []
        contradicted: list[Assessed] = []
        if question.ask == "conditions":
            ranked, contradicted = self._rank_conditions(question)
            total = len(ranked)
            answers = [self._condition_answer(item) for item in ranked[offset : offset + limit]]
        else:
            facts = self._facts(question)
            total = len(facts)
            answers = facts[offset : offset + limit]
        subject = question.subject
        return {
            "question": self._question(reading),
            "canonical": sentence(question, self._index),
            "ignored": list(reading.ignored),
            "answers": [
                {"rank": rank, **item, "proof": self._proof(question, item)}
                for rank, item in enumerate(answers, start=offset + 1)
            ],
            "total": total,
            "limit": limit,
            "offset": offset,
            "contradicted": [self._condition_answer(item) for item in contradicted],
            "red_flags": self._views.red_flags(subject) if subject else [],
            "mentioned_red_flags": self._dangers.mentioned(question),
            "suppressed": self._suppressed(ranked, contradicted, offset, limit),
            "coverage": coverage_of(
                question,
                [subject] if subject else [item.condition for item in ranked],
                self._index,
                self._matcher,
            ),
            "next_steps": self._relaxer.next_steps(question),
            "class_expression": class_expression(question),
            "sparql": sparql(question),
            "version": self._version,
            "disclaimer": DISCLAIMER,
        }

    def framed(self, canonical: str, **answer: Json) -> Json:
        """The payload of a question whose answer is no list: a verdict, or a comparison."""
        return {
            "question": {"ask": next(iter(answer)), "ambiguities": [], "doubts": []},
            "canonical": canonical,
            "ignored": [],
            **answer,
            "answers": [],
            "total": 0,
            "limit": 0,
            "offset": 0,
            "contradicted": [],
            "red_flags": [],
            "mentioned_red_flags": [],
            "suppressed": [],
            "next_steps": {},
            "class_expression": "",
            "sparql": "",
            "version": self._version,
            "disclaimer": DISCLAIMER,
        }

    def _proof(self, question: Question, answer: Json) -> Json | None:
        """The triples that an answer rests on; None where only the person speaks for it."""
        with suppress(NoProof):
            return self._prover.of_answer(question, answer)
        return None

    def ranked(self, question: Question) -> list[str]:
        """The conditions (CURIEs) that fit a question, best first."""
        return [item.condition for item in self._rank_conditions(question)[0]]

    def _suppressed(
        self, ranked: Sequence[Assessed], contradicted: Sequence[Assessed], offset: int, limit: int
    ) -> list[Json]:
        """The conditions with red flags that are not among the answers, and why."""
        matched = [
            Matched(item.condition, "beyond the limit", rank)
            for rank, item in enumerate(ranked, start=1)
        ]
        matched += [Matched(item.condition, "the opposite is recorded") for item in contradicted]
        shown = {item.condition for item in ranked[offset : offset + limit]}
        return [
            {**item, "red_flags": [flag["entity"] for flag in item["red_flags"]]}
            for item in self._dangers.suppressed(matched, shown)
        ]

    # -- the question ----------------------------------------------------------------------

    def _question(self, reading: Reading) -> Json:
        return {
            **to_json(reading.question, self._views),
            "ambiguities": [
                {
                    "text": ambiguity.text,
                    "taken": self._views.reference(ambiguity.taken),
                    "others": [
                        {**self._views.reference(other), "question": self._other_question(other)}
                        for other in ambiguity.others
                    ],
                }
                for ambiguity in reading.ambiguities
            ],
            "doubts": list(reading.doubts),
            "text": reading.text,
            "spans": [
                {"start": s.start, "end": s.end, "role": s.role, "value": s.value}
                for s in reading.spans
            ],
        }

    def _other_question(self, identifier: str) -> str | None:
        """The question that another meaning of a word leads to: for a condition, its causes."""
        if self._index.entity(identifier).kind != "condition":
            return None
        return sentence(Question("causes", identifier), self._index)

    # -- conditions from findings ----------------------------------------------------------

    def _rank_conditions(self, question: Question) -> tuple[list[Assessed], list[Assessed]]:
        """The conditions best first, and apart those for which the opposite is recorded."""
        assessed = self._assessor.assess(question)
        if len(question.present) > 1:  # of several findings, one may speak against
            return assessed, []
        against = [item for item in assessed if item.match is Status.CONTRADICTED]
        return [item for item in assessed if item.match is not Status.CONTRADICTED], against

    def _condition_answer(self, ranked: Assessed) -> Json:
        score = ranked.score
        return {
            "entity": self._views.reference(ranked.condition),
            "score": round(score.total, 4),
            "score_parts": {
                "fit": round(score.fit, 4),
                "breadth": round(score.breadth, 4),
                "frequency": round(score.frequency, 4),
                "evidence": round(score.evidence, 4),
            },
            "match": ranked.match.name.lower(),
            "criteria": [self._criterion(item) for item in ranked.met],
            "presentations": [self._views.presentation(p) for p in ranked.presentations],
            "red_flags": self._views.red_flags(ranked.condition),
        }

    def _criterion(self, met: Met) -> Json:
        behind: tuple[Presentation, ...] = ()
        if met.absent:
            behind = (
                met.match.presentations if met.match and met.status is Status.CONTRADICTED else ()
            )
        elif met.match is not None and met.status is Status.CONTRADICTED:
            behind = (met.match.against[met.criterion],)
        elif met.match is not None and met.status is not Status.NOT_RECORDED:
            behind = met.match.presentations
        role = met.criterion.role.replace("_", " ")
        sources = [p.source for p in behind] or [claim.source for claim in met.claims]
        said = f"{role}: {self._index.label(met.criterion.value)}"
        return {
            "criterion": f"no {said}" if met.absent else said,
            "role": met.criterion.role,
            "value": self._views.reference(met.criterion.value),
            "finding": met.finding,
            "status": met.status.name.lower(),
            "presentation": behind[0].id if behind else None,
            "sources": self._views.sources(sources),
            "absent": met.absent,
        }

    # -- things from claims and presentations ----------------------------------------------

    def _facts(self, question: Question) -> list[Json]:
        """What a question for anything but conditions finds, best first."""
        if question.ask in RELATION_ASKED:
            answers = self._claimed(question)
        else:
            answers = self._from_presentations(question)
        return sorted(answers, key=lambda item: (-item["score"], item["entity"]["label"]))

    def _claimed(self, question: Question) -> list[Json]:
        """The values of a relation of the subject, one answer each with all claims behind it."""
        relation = RELATION_ASKED[question.ask]
        by_value: dict[str, list[Claim]] = {}
        for claim in self._index.claims_about.get(question.subject or "", ()):
            unwanted = self._index.broader(claim.value).intersection(question.without)
            if claim.relation == relation and not unwanted:
                by_value.setdefault(claim.value, []).append(claim)
        answers = []
        for value, claims in by_value.items():
            criteria = [
                {
                    "criterion": f"{self._index.label(claim.subject)} "
                    f"{RELATION_SAID[claim.relation]} {self._index.label(value)}",
                    "status": "entailed",
                    "presentation": None,
                    "claim": claim.id,
                    "note": claim.note or None,
                    "sources": [self._views.source(claim.source)],
                }
                for claim in claims
            ]
            score = evidence(self._index.sources[claim.source] for claim in claims)
            answers.append(self._fact_answer(value, score, criteria))
        return answers

    def _from_presentations(self, question: Question) -> list[Json]:
        """Symptoms or relieving factors recorded in the presentations that are asked about."""
        role = ANSWER_ROLES[question.ask]
        by_value: dict[str, list[Presentation]] = {}
        for presentation in self._presentations_about(question):
            for value in presentation.recorded[role]:
                by_value.setdefault(value, []).append(presentation)
        answers = []
        for value, presentations in by_value.items():
            criteria = [
                {
                    "criterion": self._described(presentation),
                    "status": "entailed",
                    "presentation": presentation.id,
                    "frequency": presentation.frequency,
                    "sources": [self._views.source(presentation.source)],
                }
                for presentation in presentations
            ]
            frequency = max(FREQUENCY_WEIGHTS[p.frequency] for p in presentations)
            support = evidence(self._index.sources[p.source] for p in presentations)
            score = 0.5 * frequency + 0.5 * support
            answers.append(self._fact_answer(value, score, criteria))
        return answers

    def _presentations_about(self, question: Question) -> Iterable[Presentation]:
        if question.subject is not None:
            return self._index.presentations_of.get(question.subject, ())
        return self._matcher.entailing(question.present)

    def _described(self, presentation: Presentation) -> str:
        """One line on a presentation: whose it is, what and where."""
        condition = self._index.label(presentation.condition)
        symptom = self._index.label(presentation.recorded["symptom"][0])
        where = " and ".join(map(self._index.label, presentation.recorded["region"]))
        return f"{condition}: {symptom}" + (f" in the {where}" if where else "")

    def _fact_answer(self, value: str, score: float, criteria: list[Json]) -> Json:
        kind = self._index.entity(value).kind
        return {
            "entity": self._views.reference(value),
            "score": round(score, 4),
            "match": "entailed",
            "criteria": criteria,
            "red_flags": self._views.red_flags(value) if kind == "condition" else [],
        }
