"""Asks a SPARQL endpoint, ours or another, through SPARQLWrapper."""

import ast
import json
import re
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError, URLError

from SPARQLWrapper import JSON, POST, SPARQLWrapper
from SPARQLWrapper.SPARQLExceptions import SPARQLWrapperException

from kg.errors import RequestError

TIMEOUT_SECONDS = 30


class EndpointError(RequestError):
    """The endpoint could not be reached, refused the query or answered with something else."""


def select(endpoint: str, query: str) -> tuple[list[str], list[list[str]]]:
    """Send a SELECT query; returns the column names and the rows, an unbound value as ''.

    EndpointError says what the endpoint said.
    """
    client = SPARQLWrapper(endpoint)
    client.setQuery(query)
    client.setMethod(POST)
    client.setReturnFormat(JSON)
    client.setTimeout(TIMEOUT_SECONDS)
    try:
        answer: Any = client.query().convert()
        columns = answer["head"]["vars"]
        rows = answer["results"]["bindings"]
    except SPARQLWrapperException as error:
        raise EndpointError(f"{endpoint} refused the query: {_detail(error)}") from error
    except HTTPError as error:
        raise EndpointError(f"{endpoint} answered {error.code} {error.reason}") from error
    except (URLError, OSError) as error:
        raise EndpointError(f"{endpoint} cannot be reached: {error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EndpointError(f"{endpoint} did not answer with a table of solutions") from error
    return columns, [
        [row[name]["value"] if name in row else "" for name in columns] for row in rows
    ]


def _detail(error: SPARQLWrapperException) -> str:
    """The detail of the problem document that the exception quotes as bytes, or its text."""
    text = str(error)
    quoted = re.search(r"b(['\"])\{.*\}\s*(?:\\n)?\1", text, re.DOTALL)
    if quoted:
        with suppress(ValueError, SyntaxError, KeyError):
            return str(json.loads(ast.literal_eval(quoted[0]))["detail"])
    return " ".join(text.split())
