"""The pages for people: what they show, where their links lead, what they refuse."""

import csv
import html
import io
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from kg.records import Records
from kg.service import Service
from kg.sparql.pool import PoolSettings
from server import Settings, create_app
from tests.test_page_data import EARLIER, add_version, without_strain
from tests.test_server import HTML, JSON, problem
from web.docs import operations_of

ASKED = "/ask?q=causes+of+cramp+in+the+calf+relieved+by+rest"
TAG = re.compile(r"<[^>]*>")


def app_over(folder: Path) -> Iterator[Flask]:
    app = create_app(Settings(folder=folder, pool=PoolSettings(timeout=2.0)))
    yield app
    app.extensions["etiograph"].serving.pool.close()


@pytest.fixture(scope="module")
def small_app(small_build: Path) -> Iterator[Flask]:
    """The web application over the small graph."""
    yield from app_over(small_build)


@pytest.fixture
def web(small_app: Flask) -> FlaskClient:
    """A client of the application over the small graph."""
    return small_app.test_client()


@pytest.fixture(scope="module")
def small_app_with_past(
    small_build: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """The same, with an earlier version beside it that lacks how a strain shows itself."""
    folder = Path(shutil.copytree(small_build, tmp_path_factory.mktemp("past") / "build"))
    add_version(folder, "earlier", without_strain, EARLIER)
    yield from app_over(folder)


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    """The HTML of a page that is served with a status."""
    response = client.get(path, headers=HTML)
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.content_type.startswith("text/html")
    return response.get_data(as_text=True)


def payload(client: FlaskClient, path: str) -> Any:
    response = client.get(path, headers=JSON)
    assert response.status_code == 200
    return response.json


def text_of(markup: str) -> str:
    return " ".join(html.unescape(TAG.sub(" ", markup)).split())


def links(markup: str, start: str = "/") -> list[str]:
    """The addresses that a page links to."""
    found = map(html.unescape, re.findall(r'<a\b[^>]*\bhref="([^"]*)"', markup))
    return [address for address in dict.fromkeys(found) if address.startswith(start)]


def asked_in(address: str) -> str:
    return parse_qs(urlsplit(address).query)["q"][0]


def between(markup: str, start: str, end: str) -> str:
    return markup.partition(start)[2].partition(end)[0]


def selected(markup: str, select: str) -> str:
    """The value that is selected in a list of a form."""
    (value,) = re.findall(
        r'value="([^"]*)" selected', between(markup, f'id="{select}"', "</select>")
    )
    return str(value)


# -- every page, on a graph that is not about the whole leg ----------------------------------

SMALL_PAGES = (
    "/", "/search?q=calf", ASKED, "/ask?q=treatments+for+claudication", "/ask?q=red+flags+of+clot",
    "/ask?q=what+relieves+claudication", "/ask?q=is+claudication+relieved+by+rest",
    "/ask?q=difference+between+clot+and+strain", "/compare", "/compare?c=clot",
    "/compare?c=etio:Clot&c=etio:Strain", "/browse", "/browse?region=etio:Calf",
    "/browse?grade=moderate&symptom=etio:Cramp", "/browse/condition", "/browse/symptom",
    "/browse/region", "/browse/risk_factor", "/browse/treatment", "/browse/test",
    "/browse/factor", "/browse/quality", "/browse/timing", "/browse/process", "/sources",
    "/sources?q=clinic&kind=other", "/source/S1", "/source/S2", "/source/S3", "/changes",
    "/overview", "/overview?relief=Leg", "/overview?region=Calf&system=other",
    "/coverage", "/coverage?group=Claudication&sort=-name", "/docs", "/ontology", "/sparql",
    "/page/Clot", "/page/Calf", "/page/SevereClaudication", "/page/Smoking",
    "/page/CauseOfLegPainRelievedByRest",
)  # fmt: skip


@pytest.mark.parametrize("path", SMALL_PAGES)
def test_every_page_shows_the_small_graph(web: FlaskClient, path: str) -> None:
    markup = page(web, path)
    assert markup.count("<h1") == 1
    assert "it does not diagnose" in markup


@pytest.mark.parametrize(
    "path",
    ["/", ASKED, "/browse", "/browse/region", "/sources", "/source/S1", "/changes", "/coverage",
     "/overview?region=Calf", "/compare?c=etio:Clot&c=etio:Strain", "/page/Clot"],
)  # fmt: skip
def test_no_link_on_a_page_is_broken(web: FlaskClient, path: str) -> None:
    """But for examples, which are about the whole leg."""
    for address in links(page(web, path)):
        if path != "/" or not address.startswith("/ask"):
            response = web.get(address, headers=HTML, follow_redirects=True)
            assert response.status_code == 200, address


# -- answers ---------------------------------------------------------------------------------


def understood(markup: str) -> str:
    return between(markup, '<div class="understanding">', "</section>")


def test_a_part_of_a_question_can_be_changed_by_a_link(web: FlaskClient) -> None:
    asked = list(map(asked_in, links(understood(page(web, ASKED)))))
    assert {
        "Which conditions can cause cramp in the thigh, relieved by rest?",
        "Which conditions can cause cramp in the leg, relieved by rest?",
        "Which conditions can cause cramp in the calf?",
        "What relieves the symptom cramp in the calf, relieved by rest?",
    } <= set(asked)


def follow_chips(web: FlaskClient, question: str) -> list[str]:
    """What the chips of a question ask, each seen on the page that its link leads to."""
    changes = links(understood(page(web, f"/ask?q={quote(question)}")), "/ask")
    assert changes
    for address in changes:
        changed = page(web, address)
        assert text_of(between(changed, 'id="canonical">', "</h1>")) == asked_in(address)
    return list(map(asked_in, changes))


@pytest.mark.parametrize(
    "question",
    [
        "treatments for claudication",
        "what relieves claudication",
        "causes of cramp in the calf relieved by rest but not swelling in a smoker",
    ],
)
def test_every_chip_leads_to_the_question_that_it_promises(web: FlaskClient, question: str) -> None:
    assert follow_chips(web, question)


@pytest.mark.graph
def test_the_chips_of_a_person_lead_to_other_persons(client: FlaskClient) -> None:
    asked = follow_chips(client, "sudden swollen red calf but no fever, woman of 66 who smokes")
    assert any("aged 29" in question for question in asked)
    assert any(", male" in question for question in asked)
    assert any("smoking" not in question for question in asked)
    assert any("and fever" in question for question in asked)


def test_a_question_that_asks_yes_or_no_has_no_chips(web: FlaskClient) -> None:
    markup = page(web, "/ask?q=is+claudication+relieved+by+rest")
    assert 'class="understanding"' not in markup
    assert "/ask.csv" not in markup


def test_the_most_urgent_flags_come_first_in_an_answer(web: FlaskClient) -> None:
    markup = page(web, ASKED)
    assert "See a doctor" in between(markup, 'id="flags"', "</section>")
    assert markup.index('id="flags"') < markup.index('class="answers"')


def test_the_link_to_an_answer_names_its_version(web: FlaskClient, small: Service) -> None:
    (link,) = [address for address in links(page(web, ASKED)) if "version=" in address]
    assert parse_qs(urlsplit(link).query)["version"] == [small.version]
    assert "was made for version" not in page(web, link)
    other = page(web, link.replace(small.version, "another"))
    assert f"version another; the answer is that of version {small.version}" in text_of(other)


# -- CSV -------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["cramp in the calf", "risk factors for claudication"])
def test_csv_has_the_answers_of_the_json(web: FlaskClient, question: str) -> None:
    response = web.get("/ask.csv", query_string={"q": question})
    assert response.mimetype == "text/csv"
    assert "attachment" in response.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(response.get_data(as_text=True))))
    answers = payload(web, f"/ask?q={quote(question)}&limit=100")["answers"]
    assert answers
    for row, answer in zip(rows, answers, strict=True):
        assert (row["rank"], row["id"]) == (str(answer["rank"]), answer["entity"]["id"])
        assert (row["name"], row["match"]) == (answer["entity"]["label"], answer["match"])
        criteria = {c["criterion"] for c in answer["criteria"] if c["status"] == "entailed"}
        assert set(filter(None, row["entailed"].split("; "))) == criteria
        sources = {source["id"] for c in answer["criteria"] for source in c["sources"]}
        assert set(filter(None, row["source_ids"].split("; "))) == sources


@pytest.mark.parametrize(
    "path",
    ["/ask.csv", "/ask.csv?q=", "/ask.csv?q=gibberish", "/ask.csv?q=is+clot+relieved+by+rest",
     "/ask.csv?q=difference+between+clot+and+strain"],
)  # fmt: skip
def test_what_is_no_list_has_no_csv(web: FlaskClient, path: str) -> None:
    assert problem(web.get(path))["status"] == 422


# -- comparing -------------------------------------------------------------------------------


def test_conditions_to_compare_are_named_by_their_ids(web: FlaskClient) -> None:
    response = web.get("/compare?c=clot&c=&c=strain&c=clot", headers=HTML)
    assert response.status_code == 302
    assert response.headers["Location"] == "/compare?c=etio:Clot&c=etio:Strain"
    assert "<h1>clot and strain</h1>" in page(web, response.headers["Location"])


def test_one_condition_is_kept_in_the_form(web: FlaskClient) -> None:
    assert 'name="c" type="text" list="conditions" value="clot"' in page(
        web, "/compare?c=etio:Clot"
    )


def test_a_comparison_has_its_data_at_the_same_address(web: FlaskClient) -> None:
    found = payload(web, "/compare?c=clot&c=strain")
    assert [one["label"] for one in found["candidates"]] == ["clot", "strain"]


SEVERAL = "&".join(f"c=condition+{number}" for number in range(6))


@pytest.mark.parametrize("query", ["c=nothing&c=clot", "c=calf&c=clot", SEVERAL])
def test_what_cannot_be_compared_is_said_beside_the_form(web: FlaskClient, query: str) -> None:
    markup = page(web, f"/compare?{query}", 422)
    assert 'role="alert"' in markup
    assert f'value="{parse_qs(query)["c"][0]}"' in markup
    assert problem(web.get(f"/compare?{query}", headers=JSON))["status"] == 422


@pytest.mark.parametrize("query", ["", "c=", "c=clot", "c=clot&c=clot"])
def test_too_few_are_no_comparison_for_a_program(web: FlaskClient, query: str) -> None:
    assert problem(web.get(f"/compare?{query}", headers=JSON))["status"] == 422


@pytest.mark.graph
def test_every_example_of_a_comparison_is_known(client: FlaskClient) -> None:
    examples = links(page(client, "/compare"), "/compare?c=")
    assert len(examples) == 4
    for address in examples:
        assert client.get(address, headers=HTML, follow_redirects=True).status_code == 200


# -- building a question ---------------------------------------------------------------------


def test_the_form_builds_a_question(web: FlaskClient) -> None:
    picks = {"symptom": "etio:Cramp", "region": "etio:Calf", "sex": "female"}
    response = web.get("/build", query_string={**picks, "quality": ""})
    assert response.status_code == 303
    address = response.headers["Location"]
    assert asked_in(address) == "Which conditions can cause cramp in the calf, female?"
    question = payload(web, address)["question"]
    assert [(c["role"], c["value"]["id"]) for c in question["findings"][0]] == [
        ("symptom", "etio:Cramp"),
        ("region", "etio:Calf"),
    ]
    assert question["person"]["sex"] == "female"


@pytest.mark.parametrize(
    "query",
    ["", "symptom=", "age=40", "colour=red&symptom=etio:Pain", "symptom=nothing",
     "symptom=etio:Calf", "symptom=etio:Pain&age=ten", "symptom=etio:Pain&age=121",
     "symptom=etio:Pain&sex=both"],
)  # fmt: skip
def test_a_form_that_makes_no_question_is_refused(web: FlaskClient, query: str) -> None:
    assert problem(web.get(f"/build?{query}"))["status"] == 422
    page(web, f"/build?{query}", 422)


@pytest.mark.graph
def test_every_value_of_the_form_builds_a_question(client: FlaskClient, leg: Service) -> None:
    form = between(page(client, "/"), 'action="/build"', "</form>")
    lists = re.findall(r'<select[^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL)
    assert "symptom" in dict(lists)
    for role, body in lists:
        for value in filter(None, re.findall(r'<option value="([^"]*)"', body)):
            picks = {role: value} if value.startswith("etio:") else {"symptom": "pain", role: value}
            response = client.get("/build", query_string=picks)
            assert response.status_code == 303
            said = asked_in(response.headers["Location"])
            assert leg.reader.read(said).question.ask == "conditions"


# -- the body map ----------------------------------------------------------------------------


def test_a_region_has_its_conditions(web: FlaskClient, small: Service) -> None:
    found = payload(web, "/api/v1/regions/etio:Calf")
    assert [row["entity"]["label"] for row in found["here"]] == [
        "claudication", "clot", "restless legs"
    ]  # fmt: skip
    assert found["version"] == small.version
    assert "does not diagnose" in found["disclaimer"]
    assert payload(web, "/api/v1/regions/calf") == found


@pytest.mark.parametrize(
    ("curie", "status"), [("etio:Nowhere", 404), ("nowhere", 404), ("etio:Pain", 422)]
)
def test_what_is_no_region_is_refused(web: FlaskClient, curie: str, status: int) -> None:
    assert problem(web.get(f"/api/v1/regions/{curie}"))["status"] == status


@pytest.mark.graph
def test_every_region_of_the_map_has_its_question_and_its_list(client: FlaskClient) -> None:
    regions = links(page(client, "/"), "/ask?q=Which+conditions+can+cause+any+symptom+in")
    assert len(regions) > 20
    for address in regions:
        assert payload(client, address)["total"] > 0


# -- browsing --------------------------------------------------------------------------------


@pytest.mark.parametrize("facet", ["region", "symptom", "relieved_by", "grade"])
def test_a_facet_shows_how_many_are_found_when_it_is_chosen(web: FlaskClient, facet: str) -> None:
    body = between(page(web, "/browse"), f'id="facet-{facet}"', "</select>")
    options = re.findall(r'<option value="([^"]+)">[^<]* \((\d+)\)</option>', body)
    assert options
    for value, count in options:
        markup = page(web, f"/browse?{facet}={value}")
        said = f"{count} condition" if count == "1" else f"{count} conditions"
        assert f'<h2 id="found">{said}</h2>' in markup
        assert between(markup, '<ul class="conditions">', "</ul>").count("<li>") == int(count)
        assert selected(markup, f"facet-{facet}") == value


def test_what_is_chosen_can_be_taken_away(web: FlaskClient) -> None:
    markup = page(web, "/browse?region=etio:Calf&relieved_by=etio:Rest")
    chosen = links(between(markup, 'aria-label="What is chosen"', "</ul>"))
    assert chosen == ["/browse?relieved_by=etio:Rest", "/browse?region=etio:Calf", "/browse"]


def test_nothing_with_all_that_is_chosen_is_said(web: FlaskClient) -> None:
    markup = page(web, "/browse?region=etio:Thigh&relieved_by=etio:Walking")
    assert "No condition is recorded with all of this" in markup
    assert selected(markup, "facet-relieved_by") == "etio:Walking"


@pytest.mark.parametrize(
    "path",
    ["/browse?region=etio:Nowhere", "/browse?grade=splendid", "/browse/nothing", "/browse/group",
     "/source/S9", "/source/etio:S1", "/changes?since=never",
     "/api/v1/entities/etio:Nowhere/neighbours"],
)  # fmt: skip
def test_what_is_not_there_is_404(web: FlaskClient, path: str) -> None:
    assert problem(web.get(path))["status"] == 404
    page(web, path, 404)


@pytest.mark.parametrize(
    "path",
    ["/sources?offset=x", "/overview?system=nothing", "/overview?region=Muscle",
     "/overview?relief=Muscle", "/coverage?group=nothing", "/coverage?sort=size",
     "/api/v1/entities/etio:Calf/neighbours?limit=0",
     "/api/v1/entities/etio:Calf/neighbours?limit=51",
     "/api/v1/entities/etio:Calf/neighbours?limit=x"],
)  # fmt: skip
def test_a_bad_parameter_is_422(web: FlaskClient, path: str) -> None:
    assert problem(web.get(path))["status"] == 422
    page(web, path, 422)


@pytest.mark.graph
def test_a_kind_is_listed_whole_as_a_tree(client: FlaskClient, leg: Service) -> None:
    kinds = links(page(client, "/browse"), "/browse/")
    assert len(kinds) == 10
    for address in kinds:
        markup = page(client, address)
        kind = address.rpartition("/")[2]
        tree = between(markup, "data-tree>", "<footer")
        named = {entity.id for entity in leg.index.entities.values() if entity.kind == kind}
        shown = {f"etio:{link.removeprefix('/page/')}" for link in links(tree, "/page/")}
        assert shown == named
        assert f'<span class="count">{len(named)}</span></h1>' in markup


# -- sources ---------------------------------------------------------------------------------


def test_sources_are_sought_by_word_and_kind(web: FlaskClient) -> None:
    assert links(page(web, "/sources"), "/source/") == ["/source/S1", "/source/S2", "/source/S3"]
    assert links(page(web, "/sources?q=Legs"), "/source/") == ["/source/S2"]
    assert links(page(web, "/sources?kind=university"), "/source/") == ["/source/S3"]
    assert "No source has this" in page(web, "/sources?q=clots&kind=other")
    assert "1 to 3 of 3" in page(web, "/sources?offset=-7")
    assert "No source has this" in page(web, "/sources?offset=50")


def test_a_source_shows_what_rests_on_it(web: FlaskClient) -> None:
    markup = page(web, "/source/S3")
    assert {"/page/Clot", "/page/SevereClaudication", "/page/Strain", "/page/Ultrasound"} <= set(
        links(markup, "/page/")
    )
    assert "/page/Claudication" not in links(markup)


@pytest.mark.graph
def test_the_pages_of_sources_list_each_of_them_once(client: FlaskClient, leg: Service) -> None:
    shown: list[str] = []
    address: str | None = "/sources"
    while address:
        markup = page(client, address)
        shown += links(between(markup, '<ul class="statements">', "</ul>"), "/source/")
        following = re.search(r'rel="next" href="([^"]*)"', markup)
        address = html.unescape(following[1]) if following else None
    assert sorted(shown) == sorted(f"/source/{one.partition(':')[2]}" for one in leg.index.sources)


# -- changes ---------------------------------------------------------------------------------


def test_a_version_without_another_has_no_changes(web: FlaskClient, small: Service) -> None:
    found = payload(web, "/changes")
    assert (found["changes"], found["since"], found["versions"]) == (None, None, [])
    assert found["version"] == small.version
    assert "nothing to compare" in page(web, "/changes")


def test_the_changes_since_another_version_are_named(small_app_with_past: Flask) -> None:
    web = small_app_with_past.test_client()
    found = payload(web, "/changes")
    assert (found["since"], [one["version"] for one in found["versions"]]) == (
        "earlier",
        ["earlier"],
    )
    listed = [
        (part, how, item["label"], item["page"])
        for part, lists in found["changes"].items()
        for how, items in lists.items()
        for item in items
    ]
    assert listed == [("presentations", "added", "strain: pain in the lower leg", "etio:Strain")]
    markup = page(web, "/changes?since=earlier")
    assert '<a href="/page/Strain">strain: pain in the lower leg</a>' in markup
    assert payload(web, "/changes?since=earlier") == found
    assert problem(web.get("/changes?since=later"))["status"] == 404


# -- neighbours ------------------------------------------------------------------------------


def test_neighbours_are_limited_by_relation(web: FlaskClient, small: Service) -> None:
    path = "/api/v1/entities/etio:Calf/neighbours"
    found = payload(web, path)
    assert [one["entity"]["label"] for one in found["neighbours"]] == [
        "lower leg", "calf muscle", "claudication", "clot", "restless legs"
    ]  # fmt: skip
    assert found["version"] == small.version
    few = payload(web, f"{path}?limit=1")
    assert (len(few["neighbours"]), few["left_out"]) == (3, 2)
    assert payload(web, "/api/v1/entities/calf/neighbours") == found


# -- pictures and what is missing ------------------------------------------------------------


def cells(markup: str) -> list[tuple[str, int]]:
    """The cells of the heat map: address and number."""
    table = between(markup, '<table class="heat"', "</table>")
    found = re.findall(r'<td class="step\d"><a href="([^"]*)"[^>]*>(\d+)</a>', table)
    return [(html.unescape(address), int(count)) for address, count in found]


def counted(markup: str) -> int:
    """How many conditions the list of a cell says that it has, and has."""
    listed = between(markup, 'id="found">', "</ul>")
    said = re.search(r"<h3>(\d+) condition", listed)
    assert said
    assert int(said[1]) == listed.count("<li>")
    return int(said[1])


def test_a_cell_leads_to_as_many_conditions_as_it_says(web: FlaskClient) -> None:
    found = cells(page(web, "/overview"))
    assert [count for _, count in found] == [2, 4]
    for address, count in found:
        assert counted(page(web, address)) == count


@pytest.mark.graph
def test_cells_of_the_leg_graph_lead_to_their_conditions(client: FlaskClient) -> None:
    found = cells(page(client, "/overview"))
    assert len(found) > 100
    for address, count in found[::9]:
        assert counted(page(client, address)) == count


def test_relief_is_shown_for_the_calf_unless_another_region_is_chosen(web: FlaskClient) -> None:
    assert selected(page(web, "/overview"), "relief-region") == "Calf"
    assert selected(page(web, "/overview?relief=Leg"), "relief-region") == "Leg"


def test_a_graph_without_a_calf_shows_the_first_region_that_it_has(
    web: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.overview.RELIEF_OF", "Toe")
    assert selected(page(web, "/overview"), "relief-region") == "Leg"


def test_the_table_of_what_is_missing_can_be_narrowed_and_sorted(web: FlaskClient) -> None:
    def named(path: str) -> list[str]:
        return links(between(page(web, path), '<table class="coverage"', "</table>"), "/page/")

    assert len(named("/coverage")) == 5
    assert named("/coverage?sort=name&group=Claudication") == [
        "/page/Claudication", "/page/SevereClaudication"
    ]  # fmt: skip
    assert named("/coverage?sort=-name")[0] == "/page/Strain"
    assert named("/coverage?sort=risk_factors")[-1] == "/page/Claudication"


# -- the page of the API ---------------------------------------------------------------------


@pytest.mark.graph
def test_every_operation_is_described_and_its_example_answers(client: FlaskClient) -> None:
    operations = operations_of(payload(client, "/openapi.json"))
    markup = page(client, "/docs")
    for operation in operations:
        assert f'id="{operation.id}"' in markup
        assert html.escape(operation.path) in markup
        if operation.tag == "vocabularies":
            continue  # they need imports: see test_vocabulary_pages
        with client.open(
            operation.example,
            method=operation.method.upper(),
            data=operation.body or None,
            content_type=operation.body_type or None,
        ) as response:
            assert response.status_code < 400, operation.example
    assert len(operations) == markup.count('<details class="operation"')


# -- hostile text ----------------------------------------------------------------------------

HOSTILE = ("<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>")


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "path",
    ["/ask?q=", "/ask?q=calf+pain+", ASKED + "&version=", "/ask?q=calf&format=",
     "/ask?q=calf&limit=", "/ask?q=calf&offset=", "/ask.csv?q=", "/compare?c=",
     "/compare?c=clot&c=", "/compare?c=clot&format=", "/build?symptom=",
     "/build?symptom=etio:Pain&age=",
     "/build?symptom=etio:Pain&sex=", "/build?symptom=etio:Pain&pick=", "/browse?region=",
     "/browse?grade=", "/browse?symptom=", "/browse?relieved_by=", "/browse/", "/sources?q=",
     "/sources?kind=", "/sources?q=calf&kind=", "/sources?offset=", "/source/", "/changes?since=",
     "/changes?format=", "/overview?system=", "/overview?region=", "/overview?relief=",
     "/coverage?group=", "/coverage?sort=", "/api/v1/regions/", "/search?q=", "/page/",
     "/api/v1/entities/etio:Calf/neighbours?limit="],
)  # fmt: skip
def test_hostile_text_is_escaped_wherever_it_is_shown(
    web: FlaskClient, path: str, text: str
) -> None:
    response = web.get(path + quote(text, safe=""), headers=HTML)
    assert response.status_code < 500
    if response.mimetype == "text/html":
        body = response.get_data(as_text=True)
        assert text not in body
        assert "<img" not in body
        assert not re.search(r"<script(?![^>]* src=)", body)


def test_hostile_text_in_a_version_is_shown_as_text(web: FlaskClient) -> None:
    markup = page(web, f"{ASKED}&version={quote(HOSTILE[0])}")
    assert html.escape(f"version {HOSTILE[0]}") in markup


def test_hostile_titles_of_sources_are_escaped(small_build: Path, tmp_path: Path) -> None:
    """Titles are what publishers wrote; here those of an earlier version that is compared with."""
    folder = Path(shutil.copytree(small_build, tmp_path / "build"))

    def hostile(records: Records) -> Records:
        more = replace(records.sources[0], id="etio:S9", title=HOSTILE[0])
        return replace(records, sources=(*records.sources, more))

    add_version(folder, "hostile", hostile, EARLIER)
    for app in app_over(folder):
        web = app.test_client()
        (gone,) = payload(web, "/changes")["changes"]["sources"]["removed"]
        assert gone["label"].startswith(HOSTILE[0])
        markup = page(web, "/changes")
        assert HOSTILE[0] not in markup
        assert html.escape(HOSTILE[0]) in markup
