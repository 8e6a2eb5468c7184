"""Every error that kg raises on purpose, as one tree; `server.py` maps each to an HTTP status.

KgError
├── OntologyError        build time: a file, row or axiom is wrong
├── SnapshotError        a snapshot is missing, damaged or of another format
├── DataError            an RDF file cannot be loaded
└── RequestError         a caller asked for something that cannot be answered
    ├── BadParameter     a parameter is missing, unknown or of the wrong kind
    ├── NotUnderstood    a question in words has no reading
    ├── UnknownEntity    no entity has that CURIE, IRI or label
    ├── UnknownQuery     no named query has that name
    ├── NoProof          the statement is neither asserted nor entailed
    ├── BadSparql        the query text is not SPARQL that this service answers
    ├── RefusedSparql    an update, or a query that reaches outside the graph
    ├── QueryTooLong     the query text is over the length limit
    └── TryLater         the same request may succeed later
        ├── QueryTimeout     the query ran into its deadline
        ├── QueryFailed      the query broke its worker (memory, crash)
        ├── ServiceBusy      every worker is taken
        ├── TooManyRequests  this client has had its share
        ├── EngineFailed     the remote engine is down, or answers with garbage
        └── EngineTimeout    the remote engine does not answer in time
"""

from collections.abc import Sequence


class KgError(Exception):
    """Base of all errors raised on purpose; `str(error)` is one sentence for a person."""


class OntologyError(KgError):
    """The ontology or its tables are wrong; `problems` holds one line per fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SnapshotError(KgError):
    """No snapshot can be opened; the message names the file."""


class DataError(KgError):
    """An RDF file cannot be loaded; the message names it and the fault."""


class RequestError(KgError):
    """A request that cannot be answered; `suggestions` are texts that would work instead."""

    def __init__(self, message: str, suggestions: Sequence[str] = ()) -> None:
        self.suggestions = tuple(suggestions)
        super().__init__(message)


class BadParameter(RequestError):
    """A parameter is missing, unknown or has a value of the wrong kind."""


class NotUnderstood(RequestError):
    """The words of a question give no reading that is not a guess."""


class UnknownEntity(RequestError):
    """No entity has the CURIE, IRI or label that was asked for."""


class UnknownQuery(RequestError):
    """No named query has the name that was asked for."""


class NoProof(RequestError):
    """The statement asked about is neither asserted nor entailed."""


class BadSparql(RequestError):
    """The query text is not SPARQL that this service can answer."""


class RefusedSparql(RequestError):
    """The query would write, or reach outside the graph."""


class QueryTooLong(RequestError):
    """The query text is longer than the service accepts."""


class TryLater(RequestError):
    """The same request may succeed after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float = 2.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class QueryTimeout(TryLater):
    """The query was stopped at its deadline."""


class QueryFailed(TryLater):
    """The query broke the process that evaluated it; only this query is lost."""


class ServiceBusy(TryLater):
    """Every query worker is taken."""


class TooManyRequests(TryLater):
    """One client asks for more than its share."""


class EngineFailed(TryLater):
    """The remote engine cannot be reached, or its answer is not one."""


class EngineTimeout(TryLater):
    """The remote engine did not answer in time."""
