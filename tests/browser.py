"""What the browser tests share: the pages, a browser that keeps what they complain of, axe."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, Request

Opener = Callable[..., Page]

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium")
VENDORED = ROOT / "web" / "static" / "vendor"
AXE = ROOT / "web" / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
QUESTION = "causes of calf cramps relieved by rest"
MAIN_PAGES = (
    "/",
    f"/ask?q={QUESTION}",
    "/ask?q=treatments for plantar fasciitis",
    "/ask?q=is claudication relieved by rest?",
    "/ask?q=what do gout and pseudogout share",
    "/ask?q=gibberish zzz",
    "/page/DeepVeinThrombosis",
    "/page/Pain",
    "/page/Calf",
    "/browse",
    "/browse/condition",
    "/sources",
    "/source/S001",
    "/changes",
    "/overview",
    "/coverage",
    "/compare?c=etio:Gout&c=etio:Pseudogout",
    "/sparql",
    "/docs",
    "/ontology",
    "/search?q=calf",
    "/vocabularies",
    "/phenotypes",
)
IMPORTED_PAGES = (
    "/vocabularies?q=cramp",
    "/term/HP:0003394",
    "/term/OMIM:615156",
    "/phenotypes?present=Muscle spasm&absent=HP:0001324",
    "/ask?q=rare diseases with exercise-induced cramp but without muscle weakness",
)
"""Pages that need imports beside the leg graph."""
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"width": 390, "height": 844}
WIDTHS = (PHONE["width"], 768, 1000, 1280)
WAIT = 10_000
"""Milliseconds that a page may take for anything."""
UNFOLD = """() => {
  const folded = document.querySelectorAll("details:not([data-graph], .menu)");
  for (const part of folded) part.open = true;
}"""
FAULTS = """async (only) => (await axe.run(document, { runOnly: only })).violations
  .filter(({ impact }) => impact === "serious" || impact === "critical")
  .map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html).join("\\n")}`)"""


def open_page(browser: Browser, address: str, complaints: list[str], **options: Any) -> Page:
    """A page of a browser without a past; what goes wrong on it is added to the complaints."""
    context = browser.new_context(base_url=address, **options)
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.on("console", functools.partial(_hear, complaints))
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("request", functools.partial(_see, complaints, address))
    return page


def _hear(complaints: list[str], message: ConsoleMessage) -> None:
    """Errors, with what the Content-Security-Policy refused; a page that is a 422 is meant so."""
    refused = "status of 422" in message.text and "/ask?" in message.location["url"]
    if message.type in {"error", "warning"} and not refused:
        complaints.append(f"{message.type}: {message.text}")


def _see(complaints: list[str], address: str, request: Request) -> None:
    if not request.url.startswith((f"{address}/", "data:", "blob:")):
        complaints.append(f"request: {request.url}")


def scroll_width(page: Page) -> int:
    """How wide the content of a page is."""
    return int(page.evaluate("document.documentElement.scrollWidth"))


def faults(page: Page, *only: str) -> list[str]:
    """The serious and critical violations that axe finds, by all rules or those with some tags."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    return list(page.evaluate(FAULTS, list(only) or TAGS))
