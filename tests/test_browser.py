"""The pages in a real browser: Chromium, the service in a process of its own, the leg graph."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

try:
    from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright
except ImportError:
    pytest.skip("playwright is not installed: see requirements-dev.txt", allow_module_level=True)

from tests.attacking import Running
from tests.browser import (
    AXE,
    CHROMIUM,
    IMPORTED_PAGES,
    MAIN_PAGES,
    PHONE,
    QUESTION,
    UNFOLD,
    VENDORED,
    WAIT,
    WIDTHS,
    Opener,
    faults,
    open_page,
    scroll_width,
)

pytestmark = [
    pytest.mark.graph,
    pytest.mark.service,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
with_axe = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed: make frontend")
with_graph = pytest.mark.skipif(
    not (VENDORED / "cytoscape.js").exists(), reason="cytoscape is not installed: make frontend"
)
with_editor = pytest.mark.skipif(
    not (VENDORED / "yasqe.js").exists(), reason="the editor is not installed: make frontend"
)
expect.set_options(timeout=WAIT)


@pytest.fixture(scope="module")
def service(leg_build: Path) -> Iterator[str]:
    """The address of the service."""
    running = Running(leg_build)
    running.wait(60.0)
    yield running.address
    running.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ends with this module: while Playwright runs, no other test could run an event loop."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """What pages complain of; a test that causes some takes them out, any other fails by them."""
    found: list[str] = []
    yield found
    assert found == []


@pytest.fixture
def opened(browser: Browser, service: str, complaints: list[str]) -> Iterator[Opener]:
    """Opens pages, with the options of a browser context."""
    pages: list[Page] = []

    def opens(**options: object) -> Page:
        pages.append(open_page(browser, service, complaints, **options))
        return pages[-1]

    yield opens
    for page in pages:
        page.context.close()


@pytest.fixture
def page(opened: Opener) -> Page:
    """A page on a desk."""
    return opened()


def ask_box(page: Page) -> Locator:
    return page.get_by_label("Ask why a leg hurts")


def suggestions(page: Page, name: str = "Questions and terms") -> Locator:
    return page.get_by_role("listbox", name=name, include_hidden=True)


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def conditions_found(page: Page) -> int:
    """The number in the heading over the conditions of the browse page."""
    said = page.locator("#found").inner_text()
    return int(said.split()[0])


# -- asking ------------------------------------------------------------------------------------


def test_a_question_asked_at_home_is_answered(page: Page) -> None:
    page.goto("/")
    expect(ask_box(page)).to_be_focused()
    ask_box(page).fill(QUESTION)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page).to_have_url(re.compile(r"/ask\?q=causes"))
    expect(heading(page)).to_contain_text("relieved by rest")
    expect(page.locator(".card.answer h3").first).to_contain_text("peripheral artery disease")
    expect(page.get_by_role("heading", name=re.compile("^Red flags of"))).to_be_visible()


def test_a_suggestion_is_chosen_with_the_arrow_keys(page: Page) -> None:
    page.goto("/")
    ask_box(page).press_sequentially("calf cr")
    option = suggestions(page).get_by_role("option").first
    expect(option).to_contain_text("calf cramp")
    expect(ask_box(page)).to_have_attribute("aria-expanded", "true")
    expect(ask_box(page)).not_to_have_attribute("aria-activedescendant", re.compile("."))
    ask_box(page).press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    chosen = option.get_attribute("id")
    assert chosen
    expect(ask_box(page)).to_have_attribute("aria-activedescendant", chosen)
    question = option.inner_text()
    ask_box(page).press("Enter")
    expect(page).to_have_url(re.compile(r"/ask\?q=.*calf"))
    expect(ask_box(page)).to_have_value(question)


def test_escape_closes_the_suggestions_and_keeps_the_words(page: Page) -> None:
    page.goto("/")
    ask_box(page).press_sequentially("calf cr")
    expect(suggestions(page)).to_be_visible()
    ask_box(page).press("ArrowDown")
    ask_box(page).press("Escape")
    expect(suggestions(page)).to_be_hidden()
    expect(ask_box(page)).to_have_attribute("aria-expanded", "false")
    expect(ask_box(page)).not_to_have_attribute("aria-activedescendant", re.compile("."))
    expect(ask_box(page)).to_have_value("calf cr")


def test_find_a_term_in_the_header_leads_to_its_page(page: Page) -> None:
    page.goto("/browse")
    find = page.get_by_label("Find a term", exact=True).and_(page.locator("input"))
    find.press_sequentially("deep vein thr")
    option = suggestions(page, "Terms").get_by_role("option").first
    expect(option).to_contain_text("deep vein thrombosis")
    find.press("ArrowDown")
    find.press("Enter")
    expect(page).to_have_url(re.compile("/page/DeepVeinThrombosis$"))
    page.get_by_label("Find a term", exact=True).and_(page.locator("input")).fill("claudication")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/search\?q=claudication"))
    expect(heading(page)).to_contain_text("Terms called")


def test_a_chip_taken_away_changes_the_question(page: Page) -> None:
    page.goto(f"/ask?q={QUESTION}")
    expect(heading(page)).to_contain_text("rest")
    page.get_by_role("link", name="Ask without rest").click()
    expect(heading(page)).not_to_contain_text("rest")
    expect(heading(page)).to_contain_text("calf")
    expect(page.get_by_role("link", name="Ask without rest")).to_have_count(0)


def test_a_chip_changed_by_its_menu_changes_the_question(page: Page) -> None:
    page.goto(f"/ask?q={QUESTION}")
    menu = page.locator("details.menu", has=page.get_by_text("Change: calf"))
    menu.locator("summary").click()
    menu.locator("summary").press("Escape")
    expect(menu.get_by_text("Wider")).to_be_hidden()
    menu.locator("summary").press("Enter")
    menu.get_by_role("link", name="lower leg", exact=True).click()
    expect(heading(page)).to_contain_text("in the lower leg")


def test_a_place_chosen_on_the_map_by_mouse_shows_three_lists(page: Page) -> None:
    page.goto("/")
    calf = page.locator('.region[data-region="etio:Calf"]')
    calf.locator(".shape").first.click()
    place = page.locator("#place")
    expect(place.get_by_role("heading", level=3)).to_have_text("calf")
    for title in ("Recorded here", "Felt here, arising elsewhere", "Next to it"):
        expect(place.get_by_role("heading", name=re.compile(f"^{title} \\("))).to_be_visible()
    expect(calf).to_have_attribute("aria-current", "true")
    expect(page).to_have_url(re.compile("/$"))


def test_a_place_chosen_on_the_map_by_keyboard_shows_three_lists(page: Page) -> None:
    page.goto("/")
    back = page.locator('.region[data-region="etio:BackOfThigh"]')
    page.locator('.region[data-region="etio:Buttock"]').focus()
    page.keyboard.press("Tab")
    expect(back).to_be_focused()
    page.keyboard.press("Enter")
    place = page.locator("#place")
    expect(place.get_by_role("heading", level=3)).to_be_focused()
    for title in ("Recorded here", "Felt here, arising elsewhere", "Next to it"):
        expect(place.get_by_role("heading", name=re.compile(f"^{title}"))).to_be_visible()
    place.get_by_role("button", name="Back to the map").press("Enter")
    expect(back).to_be_focused()


def test_a_place_is_chosen_by_name_on_a_phone(opened: Opener) -> None:
    page = opened(viewport=PHONE, has_touch=True, is_mobile=True)
    page.goto("/")
    page.locator('.places [data-region="etio:Knee"]').tap()
    title = page.locator("#place").get_by_role("heading", level=3)
    expect(title).to_have_text("knee")
    expect(title).to_be_in_viewport()
    assert scroll_width(page) <= PHONE["width"]


def test_a_question_is_put_together_from_lists(page: Page) -> None:
    page.goto("/")
    page.get_by_label("What is wrong").select_option("etio:Cramp")
    page.get_by_label("Where", exact=True).select_option("etio:Calf")
    page.get_by_label("What relieves it").select_option("etio:Rest")
    page.get_by_role("button", name="Ask this").click()
    expect(page).to_have_url(re.compile(r"/ask\?q="))
    for word in ("cramp", "calf", "relieved by rest"):
        expect(heading(page)).to_contain_text(word)
    expect(page.locator(".card.answer").first).to_be_visible()


# -- looking up --------------------------------------------------------------------------------


def test_the_page_of_a_condition_has_flags_a_summary_and_a_table(page: Page) -> None:
    page.goto("/page/DeepVeinThrombosis")
    expect(heading(page)).to_have_text("deep vein thrombosis")
    expect(page.get_by_role("heading", name="Red flags", exact=True)).to_be_visible()
    summary = page.locator("section", has=page.get_by_role("heading", name="In short"))
    expect(summary.get_by_role("heading", name="Treatments")).to_be_visible()
    ways = page.get_by_role("table", name=re.compile("^Ways in which deep vein thrombosis"))
    expect(ways.get_by_role("columnheader", name="Source")).to_be_visible()
    expect(ways.get_by_role("row").nth(3)).to_be_visible()


@with_graph
def test_the_graph_opens_by_a_button_and_grows_by_click(opened: Opener) -> None:
    page = opened(reduced_motion="reduce")
    page.goto("/page/Gout")
    page.get_by_text("Show what gout is linked to").press("Enter")
    nodes = page.locator("[data-graph-nodes] > li")
    expect(nodes.nth(2)).to_be_visible()
    before = nodes.count()
    page.get_by_role("button", name=re.compile("^show around it")).first.click()
    expect(page.locator("[data-graph-state]")).not_to_contain_text("gout:")
    expect(nodes.nth(before)).to_be_visible()

    before = nodes.count()
    canvas = page.locator("[data-graph-canvas]")
    canvas.scroll_into_view_if_needed()
    place = canvas.evaluate(
        "(canvas) => canvas._cyreg.cy.nodes().not('.open').first().renderedPosition()"
    )
    canvas.click(position={"x": place["x"], "y": place["y"]})
    expect(nodes.nth(before)).to_be_visible()


def test_without_its_library_the_graph_says_so(page: Page, complaints: list[str]) -> None:
    page.route("**/vendor/cytoscape.js", missing)
    page.goto("/page/Gout")
    page.get_by_text("Show what gout is linked to").click()
    expect(page.locator("[data-graph-state]")).to_contain_text("optional front-end packages")
    assert any("404" in complaint for complaint in complaints)
    complaints.clear()


def missing(route: Route) -> None:
    route.fulfill(status=404)


def test_the_tree_of_terms_opens_and_is_filtered(page: Page) -> None:
    page.goto("/browse/condition")
    link = page.locator("[data-tree]").get_by_role("link", name="deep vein thrombosis", exact=True)
    expect(link).to_be_hidden()
    page.locator("summary", has_text="Below circulatory condition").click()
    page.locator("summary", has_text="Below venous disease").press("Enter")
    page.locator("summary", has_text="Below venous thrombosis").press("Space")
    expect(link).to_be_visible()
    page.get_by_role("button", name="Close all").click()
    expect(link).to_be_hidden()
    page.get_by_label("Show only names with").fill("deep vein")
    expect(link).to_be_visible()
    expect(page.locator("[data-tree]").get_by_role("link", name="gout", exact=True)).to_be_hidden()


def test_facets_narrow_the_conditions_and_widen_them_again(page: Page) -> None:
    page.goto("/browse")
    page.get_by_label("Where").select_option("etio:Calf")
    page.get_by_role("button", name="Show conditions").click()
    expect(page.get_by_label("What is chosen")).to_contain_text("calf")
    felt_there = conditions_found(page)
    page.get_by_label("Relieved by").select_option("etio:Rest")
    page.get_by_role("button", name="Show conditions").click()
    expect(page.get_by_label("What is chosen")).to_contain_text("rest")
    assert 0 < conditions_found(page) < felt_there
    page.get_by_role("link", name="without rest").click()
    expect(page.get_by_label("What is chosen")).not_to_contain_text("rest")
    assert conditions_found(page) == felt_there


def test_conditions_ticked_on_an_answer_are_compared(page: Page) -> None:
    page.goto(f"/ask?q={QUESTION}")
    ticks = page.get_by_role("checkbox", name=re.compile("^compare"))
    names = [page.locator(".card.answer h3 a").nth(place).inner_text() for place in (0, 1)]
    for place in range(5):
        ticks.nth(place).check()
    expect(ticks.nth(5)).to_be_disabled()
    expect(page.get_by_text("5 ticked, of 5 at most.")).to_be_visible()
    for place in range(2, 5):
        ticks.nth(place).uncheck()
    page.get_by_role("button", name="Compare those ticked").first.click()
    expect(page).to_have_url(re.compile(r"/compare\?c=.+&c="))
    for name in names:
        expect(heading(page)).to_contain_text(name)
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()


# -- for programmers ---------------------------------------------------------------------------


@with_editor
def test_the_sparql_editor_runs_a_query_and_shows_labels(page: Page) -> None:
    page.goto("/sparql")
    expect(page.locator(".yasqe .CodeMirror")).to_be_visible()
    expect(page.locator("textarea#query")).to_be_hidden()
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#told")).to_have_text(re.compile(r"^\d+ rows?, in \d+ ms\.$"))
    row = page.locator("#found tr", has=page.get_by_text("etio:PeripheralArteryDisease"))
    expect(row.locator(".about").first).to_have_text("peripheral artery disease")
    expect(page).to_have_url(re.compile(r"/sparql\?query="))
    row.get_by_role("link").first.click()
    expect(heading(page)).to_have_text("peripheral artery disease")


@with_editor
def test_the_sparql_editor_runs_an_example_and_shows_a_mistake(
    page: Page, complaints: list[str]
) -> None:
    page.goto("/sparql")
    editor = page.locator(".yasqe .CodeMirror")
    page.locator("#examples a").first.click()
    expect(page.locator("#told")).to_contain_text("in")
    expect(page.locator("#found h2")).to_have_text("Result")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.type("SELECT nonsense")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="A mistake in the query")).to_be_visible()
    assert any("400" in complaint for complaint in complaints)
    complaints.clear()


def test_an_operation_is_tried_on_the_page_of_the_api(page: Page) -> None:
    page.goto("/docs")
    operation = page.locator("details#search")
    operation.locator("summary").click()
    operation.get_by_label("q", exact=True).fill("claudication")
    expect(operation.locator(".command")).to_contain_text("q=claudication")
    operation.get_by_role("button", name="Send").click()
    expect(operation.locator(".state")).to_contain_text("200")
    expect(operation.locator(".answer")).to_contain_text('"label": "intermittent claudication"')


# -- every main page ---------------------------------------------------------------------------


@pytest.mark.parametrize("path", MAIN_PAGES)
def test_a_main_page_says_no_error_and_asks_no_other_host(page: Page, path: str) -> None:
    page.goto(path)
    expect(heading(page)).to_have_count(1)


def test_an_error_and_a_refused_script_are_heard_of(page: Page, complaints: list[str]) -> None:
    page.goto("/")
    inline = "Object.assign(document.createElement('script'), { textContent: 'let x = 1' })"
    page.evaluate(f"document.head.append({inline})")
    with page.expect_event("pageerror"):
        page.evaluate("() => { setTimeout(() => { throw new Error('thrown') }) }")
    refused, thrown = complaints
    assert "Content Security Policy" in refused
    assert "thrown" in thrown
    complaints.clear()


def test_a_request_to_another_host_is_heard_of(opened: Opener, complaints: list[str]) -> None:
    page = opened(bypass_csp=True)
    page.goto("/")
    page.route("http://elsewhere.invalid/**", lambda route: route.fulfill(status=200))
    page.evaluate("fetch('http://elsewhere.invalid/x', { mode: 'no-cors' }).then(() => 1)")
    assert complaints == ["request: http://elsewhere.invalid/x"]
    complaints.clear()


@pytest.mark.parametrize("path", MAIN_PAGES)
def test_a_main_page_does_not_scroll_sideways(page: Page, path: str) -> None:
    page.goto(path)
    for unfolded in (False, True):
        if unfolded:
            page.evaluate(UNFOLD)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": PHONE["height"]})
            assert scroll_width(page) <= width, (width, unfolded)


def test_the_first_tab_stop_leads_to_the_content(page: Page) -> None:
    page.goto("/browse")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@with_axe
@pytest.mark.parametrize("path", MAIN_PAGES)
def test_axe_finds_no_serious_fault_on_a_main_page(opened: Opener, path: str) -> None:
    page = opened(bypass_csp=True, color_scheme="light")
    page.goto(path)
    page.evaluate(UNFOLD)
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert faults(page, "wcag2aa") == []


@with_axe
def test_axe_finds_no_serious_fault_on_what_opens_at_home(opened: Opener) -> None:
    page = opened(bypass_csp=True, color_scheme="light")
    page.goto("/")
    page.locator('.region[data-region="etio:Calf"] .shape').first.click()
    expect(page.locator("#place h3")).to_be_focused()
    assert faults(page) == []
    page.reload()
    ask_box(page).press_sequentially("calf cr")
    expect(suggestions(page)).to_be_visible()
    ask_box(page).press("ArrowDown")
    assert faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert faults(page, "wcag2aa") == []


@with_axe
@with_graph
def test_axe_finds_no_serious_fault_on_a_graph(opened: Opener) -> None:
    page = opened(bypass_csp=True)
    page.goto("/page/Gout")
    page.get_by_text("Show what gout is linked to").click()
    expect(page.locator("[data-graph-nodes] > li").nth(2)).to_be_visible()
    assert faults(page) == []


@with_axe
@with_editor
def test_axe_finds_no_serious_fault_on_a_result(opened: Opener) -> None:
    page = opened(bypass_csp=True)
    page.goto("/sparql")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#found .about").first).to_be_visible()
    assert faults(page) == []


# -- without scripts ---------------------------------------------------------------------------


@pytest.fixture
def plain(opened: Opener) -> Page:
    """A page without JavaScript."""
    return opened(java_script_enabled=False)


def test_without_scripts_a_question_leads_to_a_card(plain: Page) -> None:
    plain.goto("/")
    ask_box(plain).fill(QUESTION)
    plain.get_by_role("button", name="Ask", exact=True).click()
    card = plain.locator(".card.answer").first
    card.get_by_text("Why this place").click()
    expect(card.get_by_text("of what you asked for")).to_be_visible()
    card.get_by_role("link", name="peripheral artery disease", exact=True).first.click()
    expect(heading(plain)).to_have_text("peripheral artery disease")
    expect(plain.get_by_role("heading", name="In short")).to_be_visible()


def test_without_scripts_a_place_on_the_map_is_a_question(plain: Page) -> None:
    plain.goto("/")
    plain.locator('.region[data-region="etio:Calf"] .shape').first.click()
    expect(heading(plain)).to_contain_text("calf")


def test_without_scripts_the_tree_opens(plain: Page) -> None:
    plain.goto("/browse/condition")
    plain.locator("summary", has_text="Below blood condition").click()
    plain.get_by_role("link", name="anaemia", exact=True).click()
    expect(heading(plain)).to_have_text("anaemia")


def test_without_scripts_conditions_are_compared(plain: Page) -> None:
    plain.goto("/compare")
    plain.get_by_label("Condition 1").fill("gout")
    plain.get_by_label("Condition 2").fill("pseudogout")
    plain.get_by_role("button", name="Compare").click()
    expect(heading(plain)).to_have_text("gout and pseudogout")


def test_without_scripts_a_query_is_run(plain: Page) -> None:
    plain.goto("/sparql")
    plain.get_by_label("Query").fill("SELECT ?x { VALUES ?x { etio:Gout } }")
    plain.get_by_role("button", name="Run").click()
    expect(plain.get_by_role("table").get_by_role("link")).to_have_text("etio:Gout")
    expect(plain.get_by_role("table").get_by_text("gout", exact=True)).to_be_visible()


# -- imported vocabularies ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(imported_build: Path) -> Iterator[str]:
    """The address of a service with imports."""
    running = Running(imported_build)
    running.wait(60.0)
    yield running.address
    running.stop()


@pytest.fixture
def imported_page(browser: Browser, beside: str, complaints: list[str]) -> Iterator[Page]:
    """A page of the service with imports."""
    page = open_page(browser, beside, complaints, bypass_csp=True, color_scheme="light")
    yield page
    page.context.close()


@with_axe
@pytest.mark.parametrize("path", IMPORTED_PAGES)
def test_a_page_of_what_is_imported_is_as_good_as_others(imported_page: Page, path: str) -> None:
    imported_page.goto(path)
    expect(heading(imported_page)).to_have_count(1)
    imported_page.evaluate(UNFOLD)
    assert faults(imported_page) == []
    imported_page.emulate_media(color_scheme="dark")
    assert faults(imported_page, "wcag2aa") == []
    for width in WIDTHS:
        imported_page.set_viewport_size({"width": width, "height": PHONE["height"]})
        assert scroll_width(imported_page) <= width, width


def test_a_suggested_phenotype_is_filled_in(imported_page: Page) -> None:
    imported_page.goto("/phenotypes")
    field = imported_page.get_by_label("Present, 2")
    field.press_sequentially("muscle sp")
    option = imported_page.get_by_role("option").first
    expect(option).to_contain_text("Muscle spasm")
    option.click()
    expect(field).to_have_value("Muscle spasm")
    expect(imported_page.get_by_role("option")).to_have_count(0)
    imported_page.get_by_role("button", name="Rank").click()
    expect(imported_page.locator(".card.answer").first).to_contain_text("Muscle spasm")
