/* Suggestions below an input: the editable combobox of WAI-ARIA 1.2, list autocompletion.

   data-suggest="terms" offers pages of terms, data-suggest="questions" whole questions too,
   data-suggest="phenotypes" names of HPO to fill in. The input works as it is when this script, or the service behind it, does not. */

const ROOT = new URL("../../", import.meta.url);
const WAIT = 120;
const MOST_QUESTIONS = 5;
const MOST_TERMS = 4;
const MOST_MISSPELT = 3;
const MOST_WORDS = 4;
const SHORTEST = 2;
const KEPT = 200;

/** What can be asked of an entity of each kind; {0} is its name. */
const ASKED = {
  condition: ["symptoms of {0}", "red flags of {0}", "treatments for {0}", "what relieves {0}", "tests for {0}"],
  symptom: ["causes of {0}", "what relieves {0}"],
  region: ["causes of pain in the {0}", "causes of swelling in the {0}", "causes of numbness in the {0}"],
  factor: ["causes of leg pain worse with {0}", "causes of leg pain relieved by {0}"],
  quality: ["causes of leg pain described as {0}"],
  timing: ["causes of leg pain timed as {0}"],
  risk_factor: ["causes of leg pain with the risk factor {0}"],
};
/** How a question may begin, and go on; what follows is suggested in turn. */
const OPENINGS = [
  "causes of ", "symptoms of ", "treatments for ", "red flags of ", "risk factors for ", "tests for ",
  "complications of ", "what relieves ", "what causes ", "which conditions can cause ",
];
const JOINTS = ["in the ", "worse with ", "relieved by ", "triggered by ", "described as ", "at night", "in the morning", "sudden onset"];
const ENOUGH = 3;
/** How a question begins that is to be finished → the kinds that may finish it. */
const WANTED = [
  [/\b(treatments?|risk factors?|red flags?|symptoms|complications|tests|prevention|warning signs?|diagnosis) (of|for)\s+(the )?$/i, ["condition"]],
  [/\b(in|of|at) (the|my)\s+$/i, ["region"]],
  [/\bwhat relieves\s+$/i, ["condition", "symptom"]],
  [/\b(better|relieved|eased)( with| by| on| after| when)?\s+$/i, ["factor", "treatment"]],
  [/\b(worse|triggered|brought on|comes on|aggravated)( with| by| on| after| when| in)?\s+$/i, ["factor", "timing"]],
  [/\b(described as|feels like)\s+$/i, ["quality"]],
  [/\b(causes? of|what causes|why do i have)\s+(a |an |the |my )?$/i, ["symptom", "condition"]],
  [/\b(compare|difference between|and|versus|vs)\s+$/i, ["condition", "symptom"]],
];
const GLUE = new Set(
  "a an and are at be by can cause causes do does for from have how i in is it like my no not of on or the to what when which why with worse better relieved red flags treatments symptoms risk factors tests".split(" ")
);

const style = document.createElement("link");
style.rel = "stylesheet";
style.href = new URL("../css/suggest.css", import.meta.url).href;
document.head.append(style);

const kept = new Map();

const found = (text, signal) => looked("api/v1/autocomplete", { q: text, limit: "12" }, signal);

async function looked(path, parameters, signal) {
  const url = address(path, parameters);
  if (kept.has(url)) return kept.get(url);
  const response = await fetch(url, { signal, headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(response.statusText);
  const { results } = await response.json();
  if (kept.size >= KEPT) kept.delete(kept.keys().next().value);
  kept.set(url, results);
  return results;
}

/** The ends of a text that may be the name that is being typed, longest first: {before, name}. */
function ends(text) {
  const starts = [...text.matchAll(/(^|[\s,;]+)(?=[^\s,;])/g)].map((match) => match.index + match[0].length);
  const open = starts.filter((at) => !GLUE.has(text.slice(at).split(/\s/)[0].toLowerCase()));
  return open.slice(-MOST_WORDS).map((at) => ({ before: text.slice(0, at), name: text.slice(at).trim() }))
    .filter(({ name }) => name.length >= SHORTEST);
}

const isSpelt = ({ hit }) => hit !== "typo";
const IN_WORDS = new Set(["symptom", "region", "condition", "factor", "timing", "quality"]);
const begins = ({ hit }) => isSpelt({ hit }) && !hit.endsWith("_word") && hit !== "part";
const wanted = (before) => WANTED.find(([opening]) => opening.test(before))?.[1];

/** What the last words may name: what the words before them ask for, or else the longest name. */
async function named(text, signal) {
  const tried = await Promise.all(
    ends(text).map(async (end) => ({ ...end, entities: await found(end.name, signal) }))
  );
  const asked = tried.find(({ before, entities }) => {
    const kinds = wanted(before);
    return kinds && entities.some((entity) => isSpelt(entity) && kinds.includes(entity.kind));
  });
  if (asked) return asked;
  const spelt = tried.find(({ entities }) => entities.some(begins)) ?? tried.find(({ entities }) => entities.some(isSpelt));
  if (spelt) return spelt;
  const misspelt = tried.find(({ entities }) => entities.length);
  return misspelt ? { ...misspelt, entities: misspelt.entities.slice(0, MOST_MISSPELT) } : { before: "", entities: [] };
}

function address(path, parameters = {}) {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

const opening = (text) => ({ text, group: "Go on", note: "", href: null });
const question = (text) => ({ text, group: "Ask", note: "", href: address("ask", { q: text }) });

const term = (entity) => ({
  text: entity.label,
  group: "Open the page of",
  note: [
    entity.kind.replaceAll("_", " "),
    entity.matched.toLowerCase() === entity.label.toLowerCase() ? "" : entity.mapping ? entity.mapping.id : `also ${entity.matched}`,
  ].filter(Boolean).join(", "),
  href: address(`page/${encodeURIComponent(entity.id.slice(entity.id.indexOf(":") + 1))}`),
});

/** A name to be filled in: it ends what is asked of this input. */
const phenotype = ({ id, label, matched }) => ({
  text: label, group: "Phenotypes", href: null, ends: true,
  note: matched.toLowerCase() === label.toLowerCase() ? id : `${id}, also ${matched}`,
});

async function phenotypes(text, signal) {
  if (text.trim().length < SHORTEST) return [];
  const terms = await looked("api/v1/terms/search", { q: text.trim(), vocabulary: "HP", limit: "10" }, signal);
  return terms.filter(({ obsolete }) => !obsolete).map(phenotype);
}

function questions(before, entities) {
  if (before.trim() === "") {
    const asked = entities.slice(0, 3).map(({ kind, label }) => (ASKED[kind] ?? []).map((said) => said.replace("{0}", label)));
    const first = entities.length > 1 ? 3 : MOST_QUESTIONS;
    return [...(asked[0] ?? []).slice(0, first), ...asked.slice(1).flatMap((said) => said.slice(0, 2))];
  }
  const kinds = wanted(before);
  const fitting = entities.filter((entity) => kinds?.includes(entity.kind) ?? (IN_WORDS.has(entity.kind) && begins(entity)));
  return fitting.map(({ label }) => before + label);
}

/** The beginnings of questions that a text may be meant to become. */
function openings(text) {
  const typed = text.trimStart().toLowerCase();
  const whole = OPENINGS.filter((start) => start.startsWith(typed) && start.trimEnd() !== typed);
  if (whole.length) return whole.slice(0, ENOUGH);
  const joints = [/^(.*\S\s+)([a-z]+ [a-z]+)$/i, /^(.*\S\s+)([a-z]+)$/i].flatMap((tail) => {
    const [, before, words] = text.match(tail) ?? [];
    const last = words?.toLowerCase() ?? "";
    if (last.length < SHORTEST) return [];
    return JOINTS.filter((joint) => joint.startsWith(last) && joint.trimEnd() !== last).map((joint) => before + joint);
  });
  return joints.slice(0, ENOUGH);
}

async function options(text, kind, signal) {
  if (kind === "phenotypes") return phenotypes(text, signal);
  if (kind !== "questions") {
    return text.trim().length < SHORTEST ? [] : (await found(text.trim(), signal)).slice(0, 10).map(term);
  }
  const starts = openings(text);
  const { before, entities } = await named(text, signal);
  const meant = starts.length ? [] : questions(before, entities);
  const asked = [...new Set(meant)].filter((said) => said !== text.trim());
  const terms = starts.length ? entities.filter(begins) : entities;
  return [...starts.map(opening), ...asked.slice(0, MOST_QUESTIONS).map(question), ...terms.slice(0, MOST_TERMS).map(term)];
}

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function suggest(input, number) {
  const id = `suggestions-${number}`;
  const kind = input.dataset.suggest;
  const withQuestions = kind === "questions";
  const list = element("div", { id, role: "listbox", class: "suggestions", "aria-label": withQuestions ? "Questions and terms" : "Terms" });
  const told = element("div", { role: "status", class: "unseen" });
  list.hidden = true;
  let shown = [];
  let active = -1;
  let timer = 0;
  let running = null;

  for (const [key, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, "aria-haspopup": "listbox",
    autocapitalize: "off",
  })) input.setAttribute(key, value);
  const holder = input.closest("form");
  holder.classList.add("suggesting");
  holder.append(list, told);

  function place() {
    const inside = input.getBoundingClientRect();
    const outside = holder.getBoundingClientRect();
    list.style.top = `${inside.bottom - outside.top + 4}px`;
    list.style.left = `${inside.left - outside.left}px`;
    list.style.minWidth = `${inside.width}px`;
  }

  function close() {
    clearTimeout(timer);
    running?.abort();
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    activate(-1);
  }

  function activate(at) {
    active = at;
    for (const [place, option] of shown.entries()) option.node.setAttribute("aria-selected", String(place === at));
    if (at < 0) {
      input.removeAttribute("aria-activedescendant");
    } else {
      input.setAttribute("aria-activedescendant", shown[at].node.id);
      shown[at].node.scrollIntoView({ block: "nearest" });
    }
  }

  function choose(option) {
    input.value = option.text;
    close();
    if (option.href) location.assign(option.href);
    else if (!option.ends) ask();
  }

  function option(item, at) {
    const node = element("div", { role: "option", id: `${id}-${at}`, "aria-selected": "false", class: "suggestion" },
      element("span", {}, item.text));
    if (item.note) node.append(" ", element("span", { class: "suggestion-note" }, item.note));
    node.addEventListener("click", () => choose(item));
    node.addEventListener("pointermove", () => { if (shown[active]?.node !== node) activate(at); });
    return node;
  }

  function show(items) {
    const same = items.length === shown.length && items.every(({ text, href }, at) => text === shown[at].text && href === shown[at].href);
    if (!same) {
      const before = shown[active]?.text;
      shown = items.map((item, at) => ({ ...item, node: option(item, at) }));
      const groups = grouped(shown);
      list.replaceChildren(...[...groups].map(([name, members], at) => {
        const title = element("div", { class: "suggestion-group", id: `${id}-group-${at}`, role: "presentation" }, name);
        return element("div", { role: "group", "aria-labelledby": title.id }, ...(withQuestions ? [title] : []), ...members.map(({ node }) => node));
      }));
      if (!withQuestions) for (const group of list.children) group.setAttribute("role", "presentation");
      activate(shown.findIndex(({ text }) => text === before));
    }
    const isOpen = shown.length > 0;
    if (isOpen) place();
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
    const text = isOpen ? `${shown.length} suggestion${shown.length === 1 ? "" : "s"}, arrow keys to choose` : "no suggestions";
    if (told.textContent !== text) told.textContent = text;
  }

  function ask() {
    clearTimeout(timer);
    running?.abort();
    const text = input.value;
    if (text.trim().length < SHORTEST) {
      close();
      shown = [];
      told.textContent = "";
      return;
    }
    timer = setTimeout(async () => {
      const mine = new AbortController();
      running = mine;
      try {
        const items = await options(text, kind, mine.signal);
        if (!mine.signal.aborted && document.activeElement === input) show(items);
      } catch (error) {
        if (error.name !== "AbortError" && !mine.signal.aborted) close();
      }
    }, WAIT);
  }

  input.addEventListener("input", ask);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const isOpen = !list.hidden;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!isOpen) {
        if (event.key === "ArrowDown") ask();
        return;
      }
      const step = event.key === "ArrowDown" ? 1 : -1;
      const places = shown.length + 1;  // the input itself is one of them
      activate(((active + 1 + step + places) % places) - 1);
      event.preventDefault();
    } else if (event.key === "Enter" && isOpen && active >= 0) {
      event.preventDefault();
      choose(shown[active]);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      close();
    }
  });
  list.addEventListener("pointerdown", (event) => event.preventDefault());  // the input keeps the focus
  holder.addEventListener("submit", close);
  addEventListener("resize", () => { if (!list.hidden) place(); });
}

function grouped(items) {
  const groups = new Map();
  for (const item of items) groups.set(item.group, [...(groups.get(item.group) ?? []), item]);
  return groups;
}

document.querySelectorAll("input[data-suggest]").forEach(suggest);
