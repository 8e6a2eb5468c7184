// The SPARQL page with YASGUI's editor and result view; without them the form does it all.

const form = document.getElementById("ask");
const box = document.getElementById("query");
const format = document.getElementById("format");
const stop = document.getElementById("stop");
const told = document.getElementById("told");
const found = document.getElementById("found");
const { static: files, prefixes: prefixesAt, terms: termsAt, pages: pagesAt } = form.dataset;
const at = form.action;

const LABELS_AT_ONCE = 200;
const LONGEST_ADDRESS = 8000;
const JSON_RESULTS = "application/sparql-results+json";
const ANY_RESULTS = `${JSON_RESULTS}, text/turtle;q=0.9`;

const labels = new Map();
let running = null;

function load(name) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${files}vendor/${name}`;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

function ask(query, { accept = JSON_RESULTS, more = {}, signal } = {}) {
  const body = new URLSearchParams({ query, ...more });
  return fetch(at, { method: "POST", body, headers: { Accept: accept }, signal });
}

/** The query with the known prefixes that it uses declared, so that it runs anywhere. */
function declared(query, prefixes) {
  const bare = query.replace(/<[^<>\s]*>|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|#.*/g, " ");
  const missing = Object.keys(prefixes).filter(
    (name) =>
      new RegExp(`(?<![\\w.:-])${name}:`).test(bare) &&
      !new RegExp(`prefix\\s+${name}:`, "i").test(bare),
  );
  return missing.map((name) => `PREFIX ${name}: <${prefixes[name]}>\n`).join("") + query;
}

async function select(query) {
  const response = await ask(query);
  return response.ok ? (await response.json()).results.bindings : [];
}

// -- completion --------------------------------------------------------------------------------

/** Where `etio:…` or another prefix with a name is being written, outside the prologue. */
function nameAt(yasqe) {
  const token = yasqe.getCompleteToken();
  const { line } = yasqe.getDoc().getCursor();
  const name = /^([A-Za-z0-9_]*):([\w-]*)$/.exec(token.string);
  const before = yasqe.getPreviousNonWsToken(line, token);
  return name && before?.string.toUpperCase() !== "PREFIX" ? name : null;
}

let vocabulary = null;

/** The properties in use, with labels: [short name, label]. */
function properties(prefixes) {
  vocabulary ??= select(`SELECT DISTINCT ?term ?label {
    VALUES ?type { owl:ObjectProperty owl:DatatypeProperty owl:AnnotationProperty rdf:Property }
    ?term a ?type OPTIONAL { ?term rdfs:label ?label } } LIMIT 500`).then((rows) => [
    ["rdfs:label", "label"],
    ["rdfs:subClassOf", "subclass of"],
    ["rdf:type", "type"],
    ...rows.map((row) => [short(row.term.value, prefixes), row.label?.value ?? ""]),
  ]);
  return vocabulary;
}

function short(iri, prefixes) {
  const fits = Object.entries(prefixes).filter(([, namespace]) => iri.startsWith(namespace));
  fits.sort((one, other) => other[1].length - one[1].length);
  return fits.length ? `${fits[0][0]}:${iri.slice(fits[0][1].length)}` : iri;
}

async function entities(text) {
  if (!termsAt || text.length < 2) return [];
  const words = text.replace(/([a-z])([A-Z])/g, "$1 $2");
  const response = await fetch(`${termsAt}?${new URLSearchParams({ q: words, limit: 12 })}`);
  if (!response.ok) return [];
  return (await response.json()).results.map((hit) => [hit.id, hit.label, hit.kind]);
}

function completer(prefixes) {
  const about = new Map();
  return {
    name: "names",
    bulk: false,
    autoShow: true,
    isValidCompletionPosition: (yasqe) => {
      const name = nameAt(yasqe);
      return name !== null && name[1] in prefixes;
    },
    get: async (yasqe) => {
      const name = nameAt(yasqe);
      if (!name) return [];
      const [, prefix, local] = name;
      const asked = local.toLowerCase();
      const fits = ([term, label]) =>
        term.startsWith(`${prefix}:`) &&
        (term.toLowerCase().includes(asked) || label.toLowerCase().includes(asked));
      const known = (await properties(prefixes)).filter(fits);
      const asVerb = yasqe.getCompleteToken().state.possibleCurrent.includes("a");
      const things = prefix === "etio" ? await entities(local) : [];
      const all = asVerb ? [...known, ...things] : [...things, ...known];
      for (const [term, label, kind = "property"] of all) {
        about.set(term, [label, kind.replaceAll("_", " ")].filter(Boolean).join(", "));
      }
      return all.map(([term]) => term);
    },
    postprocessHints: (_yasqe, hints) =>
      hints.map((hint) => ({
        ...hint,
        render: (item) => {
          item.append(hint.text, " ", element("span", about.get(hint.text) ?? "", "about"));
        },
      })),
  };
}

// -- results -----------------------------------------------------------------------------------

async function learn(iris) {
  const unknown = iris.filter((iri) => !labels.has(iri));
  for (const iri of unknown) labels.set(iri, "");
  for (let start = 0; start < unknown.length; start += LABELS_AT_ONCE) {
    const some = unknown.slice(start, start + LABELS_AT_ONCE).map((iri) => `<${iri}>`);
    const rows = await select(
      `SELECT ?term ?label { VALUES ?term { ${some.join(" ")} } ?term rdfs:label ?label }`,
    );
    for (const row of rows) labels.set(row.term.value, row.label.value);
  }
}

/** IRIs of ours lead to our pages, in this window, and have their labels beside them. */
async function annotate(root, namespace) {
  const links = [...root.querySelectorAll("a.iri:not([data-iri])")].filter((link) =>
    link.getAttribute("href").startsWith(namespace),
  );
  for (const link of links) {
    link.dataset.iri = link.getAttribute("href");
    link.href = pagesAt + link.dataset.iri.slice(namespace.length);
    link.removeAttribute("target");
  }
  await learn([...new Set(links.map((link) => link.dataset.iri))]);
  for (const link of links) {
    const label = labels.get(link.dataset.iri);
    if (label && !link.parentElement.querySelector(".about")) {
      link.after(" ", element("span", label, "about"));
    }
  }
}

function problemView(problem) {
  const section = element("section", "", "problem");
  section.append(
    element("h2", problem.status === 400 ? "A mistake in the query" : problem.title),
    element("p", problem.detail),
  );
  if (problem.suggestions?.length) {
    const hint = element("p", "Perhaps ");
    problem.suggestions.forEach((text, index) => {
      hint.append(index ? " or " : "", element("code", text));
    });
    section.append(hint);
  }
  return section;
}

async function whyEmpty(query) {
  const response = await ask(query, { accept: "application/json", more: { explain: "empty" } });
  if (!response.ok) return [];
  const { reason, pattern } = await response.json();
  return [element("p", reason, "why"), ...(pattern ? [element("pre", pattern)] : [])];
}

function resultView(prefixes) {
  const place = element("div", "");
  const yasr = new Yasr(place, {
    persistenceId: null,
    prefixes,
    plugins: { table: { enabled: true, dynamicConfig: { compact: true, isEllipsed: false } } },
  });
  for (const plugin of Object.values(yasr.plugins)) plugin.helpReference = undefined;
  yasr.on("drawn", () => {
    place.querySelector(".tableSizer")?.setAttribute("aria-label", "Rows on a page");
  });
  if (pagesAt) {
    const look = () => annotate(yasr.resultsEl, prefixes.etio);
    new MutationObserver(look).observe(yasr.resultsEl, { childList: true, subtree: true });
  }
  return { place, yasr };
}

// -- running -----------------------------------------------------------------------------------

function remember(query) {
  const address = new URL(at);
  address.searchParams.set("query", query);
  if (address.href.length < LONGEST_ADDRESS) history.replaceState(null, "", address);
}

function countOf(yasr) {
  const rows = yasr.results.getBindings();
  if (!rows) return "Result";
  return `${rows.length.toLocaleString("en")} row${rows.length === 1 ? "" : "s"}`;
}

async function show(response, query, took, views) {
  const contentType = response.headers.get("Content-Type") ?? "";
  if (!response.ok) {
    const isProblem = contentType.includes("problem+json");
    const problem = isProblem
      ? await response.json()
      : { status: response.status, title: response.statusText, detail: await response.text() };
    told.textContent = problem.status === 400 ? "A mistake in the query." : `${problem.title}.`;
    found.replaceChildren(problemView(problem));
    return;
  }
  const data = await response.text();
  views.result ??= resultView(views.prefixes);
  const { place, yasr } = views.result;
  const heading = element("h2", "Result");
  found.replaceChildren(heading, place);
  yasr.setResponse({ data, contentType: contentType.split(";")[0], status: 200 });
  const cut = response.headers.get("Etiograph-Truncated") ? ", the first of more" : "";
  told.textContent = `${countOf(yasr)}${cut}, in ${took} ms.`;
  if (yasr.results.getBindings()?.length === 0) {
    found.replaceChildren(heading, ...(await whyEmpty(query)));
  }
}

async function run(yasqe, views) {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  const query = yasqe.getValue();
  const started = performance.now();
  stop.hidden = false;
  told.textContent = "Running …";
  try {
    const [response] = await Promise.all([
      ask(query, { accept: ANY_RESULTS, signal: mine.signal }),
      globalThis.Yasr ?? (views.loading ??= load("yasr.js")),
    ]);
    remember(query);
    await show(response, query, Math.round(performance.now() - started), views);
    told.scrollIntoView({ block: "nearest" });
  } catch (error) {
    if (running !== mine) return;
    told.textContent =
      error.name === "AbortError" ? "Stopped." : "The server could not be reached.";
  } finally {
    if (running === mine) {
      running = null;
      stop.hidden = true;
    }
  }
}

function editor(prefixes, views) {
  Yasqe.registerAutocompleter(completer(prefixes), false);
  Yasqe.forkAutocompleter(
    "prefixes",
    {
      name: "ours",
      persistenceId: null,
      get: () => Object.entries(prefixes).map(([name, iri]) => `${name}: <${iri}>`),
    },
    false,
  );
  const place = element("div", "", "editor-place");
  box.before(place);
  const yasqe = new Yasqe(place, {
    value: declared(box.value, prefixes),
    persistenceId: null,
    consumeShareLink: null,
    createShareableLink: null,
    prefixCcApi: null,
    autocompleters: ["variables", "ours", "names"],
    showQueryButton: false,
    resizeable: false,
    editorHeight: "auto",
    screenReaderLabel: "Query",
    extraKeys: {
      Tab: false,
      "Shift-Tab": false,
      "Ctrl-Enter": () => run(yasqe, views),
      "Cmd-Enter": () => run(yasqe, views),
    },
  });
  box.hidden = true;
  box.required = false;
  form.querySelector("label[for=query]").addEventListener("click", () => yasqe.focus());
  document.getElementById("keys").hidden = false;
  return yasqe;
}

async function begin() {
  const [described] = await Promise.all([
    fetch(prefixesAt, { headers: { Accept: "application/json" } }).then((got) => got.json()),
    load("yasqe.js"),
  ]);
  const views = { prefixes: described.prefixes };
  const yasqe = editor(views.prefixes, views);
  form.addEventListener("submit", (event) => {
    box.value = yasqe.getValue();
    if (format.value) return;
    event.preventDefault();
    run(yasqe, views);
  });
  stop.addEventListener("click", () => running?.abort());
  document.getElementById("examples")?.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    yasqe.setValue(declared(new URL(link.href).searchParams.get("query"), views.prefixes));
    form.scrollIntoView({ block: "start" });
    run(yasqe, views);
  });
}

begin();
