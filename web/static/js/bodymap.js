/* Choosing a place on the map shows beside it what is recorded there; without this script, or the
   service behind it, every place is a link to that question. */

const ROOT = new URL("../../", import.meta.url);
const FIRST = 5;
const FIRST_FLAGS = 3;

const map = document.querySelector(".bodymap");
const panel = document.getElementById("place");
let running = null;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value != null) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function address(path, parameters = {}) {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

const page = ({ id, label }) =>
  element("a", { href: address(`page/${encodeURIComponent(id.slice(id.indexOf(":") + 1))}`) }, label);
const asking = (question, said = question) => element("a", { href: address("ask", { q: question }) }, said);

function joined(nodes, sign = ", ") {
  return nodes.flatMap((node, at) => (at ? [sign, node] : [node]));
}

function flagged({ entity, red_flags: count }) {
  if (count === 0) return [];
  const link = asking(`What are the red flags of ${entity.label}?`, `${count} red flag${count === 1 ? "" : "s"}`);
  link.className = "flagged";
  return [" ", link];
}

function sources(items, entity) {
  const first = items.slice(0, 2).map(({ title, publisher, url }) =>
    url ? element("a", { href: url, rel: "noreferrer", title }, publisher) : element("span", { title }, publisher));
  const rest = items.length - first.length;
  return [...joined(first, " · "), ...(rest > 0 ? [" · ", page({ ...entity, label: `${rest} more` })] : [])];
}

/** The first of some rows, and the others behind a summary. */
function long(rows, first = FIRST) {
  const nodes = [element("ul", {}, ...rows.slice(0, first))];
  if (rows.length > first) {
    nodes.push(element("details", {}, element("summary", {}, `and ${rows.length - first} more`), element("ul", {}, ...rows.slice(first))));
  }
  return nodes;
}

const about = (...children) => element("span", { class: "about" }, ...children);

function here(row) {
  return element("li", {}, page(row.entity), ...flagged(row), about("recorded by ", ...sources(row.sources, row.entity)));
}

function elsewhere(row) {
  return element("li", {}, page(row.entity), ...flagged(row),
    about("affects ", ...joined(row.structures.map(page)), " (", asking(row.question, "sources"), ")"),
    about("felt here: ", ...sources(row.sources, row.entity)));
}

function next({ region, question, total, conditions }) {
  const only = conditions.slice(0, 3).map(page);
  const rest = conditions.length - only.length;
  return element("li", {}, asking(question, region.label), ` (${total})`,
    ...(only.length ? [about("there and not here: ", ...joined(only), ...(rest > 0 ? [` and ${rest} more`] : []))] : []));
}

function danger(rows) {
  if (rows.length === 0) return [];
  const items = rows.map(({ entity, flags }) => {
    const first = flags.slice(0, FIRST_FLAGS).map(({ entity: flag }) => element("strong", {}, flag.label));
    const rest = flags.length - first.length;
    return element("li", {}, ...joined(first), ...(rest > 0 ? [`, ${rest} more`] : []),
      about("in ", page(entity), " (", asking(`What are the red flags of ${entity.label}?`, "all red flags and sources"), ")"));
  });
  return [element("section", { class: "danger", "aria-labelledby": "place-danger" },
    element("h4", { id: "place-danger" }, `Red flags among these: ${panel.dataset.emergency}`), ...long(items, 3))];
}

function list(title, note, rows, first) {
  if (rows.length === 0) return [element("h4", {}, title), element("p", { class: "note" }, "Nothing is recorded.")];
  return [element("h4", {}, `${title} (${rows.length})`), element("p", { class: "note" }, note), ...long(rows, first)];
}

function show(lists, chosen) {
  const title = element("h3", { tabindex: "-1" }, lists.region.label);
  const back = element("button", { type: "button", class: "quiet" }, "Back to the map");
  back.addEventListener("click", () => chosen.focus());
  panel.replaceChildren(
    title,
    ...(lists.definition ? [element("p", { class: "note" }, lists.definition)] : []),
    ...danger(lists.red_flags),
    element("p", {}, asking(lists.question), ` ${lists.total} recorded.`),
    ...list("Recorded here", "Best attested first.", lists.here.map(here)),
    ...list("Felt here, arising elsewhere", "What the sources say they affect lies outside this place. They may affect it as well.", lists.elsewhere.map(elsewhere)),
    ...list("Next to it", "Neighbouring places, with the number of conditions recorded there.", lists.next.map(next)),
    element("p", { class: "actions" }, back),
  );
  title.focus({ preventScroll: true });
  const { top, bottom } = title.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) title.scrollIntoView({ block: "start" });
}

function mark(region) {
  for (const link of map.querySelectorAll("[data-region]")) {
    if (link.dataset.region === region) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

async function choose(link) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  mark(link.dataset.region);
  try {
    const response = await fetch(address(`api/v1/regions/${encodeURIComponent(link.dataset.region)}`), { signal: mine.signal });
    if (!response.ok) throw new Error(response.statusText);
    show(await response.json(), link);
  } catch (error) {
    if (!mine.signal.aborted) location.assign(link.getAttribute("href"));
  }
}

map?.addEventListener("click", (event) => {
  const link = event.target.closest("[data-region]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  choose(link);
});
