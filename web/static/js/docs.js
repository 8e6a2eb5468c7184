// Lets every operation of the API page be tried in place.

const LONGEST_SHOWN = 100_000;
const TEXTUAL = /json|xml|text|turtle|n-triples|sparql/;

function requestOf(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  for (const field of form.querySelectorAll("[data-place]")) {
    const value = field.value.trim();
    if (field.dataset.place === "path") {
      path = path.replace(`{${field.name}}`, encodeURIComponent(value).replaceAll("%3A", ":"));
    } else if (value) {
      query.append(field.name, value);
    }
  }
  const text = query.toString().replaceAll("%3A", ":");
  const headers = {};
  const wanted = form.querySelector(".wanted");
  if (wanted && wanted.selectedIndex > 0) headers.Accept = wanted.value;
  const options = { method: form.dataset.method.toUpperCase(), headers };
  if (form.dataset.body) {
    headers["Content-Type"] = form.dataset.body;
    options.body = form.querySelector(".sent").value;
  }
  return { url: new URL(text ? `${path}?${text}` : path, location), options };
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function commandOf({ url, options }) {
  const headers = Object.entries(options.headers).flatMap(([name, value]) => [
    "-H",
    quoted(`${name}: ${value}`),
  ]);
  const body = options.body === undefined ? [] : ["-d", quoted(options.body)];
  return ["curl", quoted(url.href), ...headers, ...body].join(" ");
}

async function textOf(response, type) {
  if (!TEXTUAL.test(type)) {
    const { size } = await response.blob();
    return `(${size.toLocaleString("en")} bytes of ${type})`;
  }
  let text = await response.text();
  if (type.includes("json") && text.length < 1_000_000) {
    text = JSON.stringify(JSON.parse(text), null, 2);
  }
  if (text.length <= LONGEST_SHOWN) return text;
  return `${text.slice(0, LONGEST_SHOWN)}\n… (${text.length.toLocaleString("en")} characters)`;
}

async function send(form) {
  const state = form.querySelector(".state");
  const answer = form.querySelector(".answer");
  const { url, options } = requestOf(form);
  const started = performance.now();
  state.textContent = "Sent …";
  try {
    const accept = options.headers.Accept ?? "*/*";
    const response = await fetch(url, {
      ...options,
      headers: { ...options.headers, Accept: accept },
    });
    const type = (response.headers.get("Content-Type") ?? "").split(";")[0];
    answer.textContent = await textOf(response, type);
    answer.hidden = false;
    const took = Math.round(performance.now() - started);
    state.textContent = `${response.status} ${response.statusText}, ${type}, ${took} ms`;
    state.classList.toggle("failed", !response.ok);
  } catch {
    state.textContent = "The server could not be reached.";
  }
}

function begin(form) {
  for (const hidden of form.querySelectorAll("input, select, button, .accept")) {
    hidden.hidden = false;
  }
  const command = form.querySelector(".command code");
  const link = form.querySelector("a.button");
  form.addEventListener("input", () => {
    const request = requestOf(form);
    command.textContent = commandOf(request);
    if (link) link.href = request.url.href;
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
}

for (const form of document.querySelectorAll(".operation form")) begin(form);

function openNamed() {
  const named = document.getElementById(location.hash.slice(1));
  if (named?.matches(".operation")) named.open = true;
}
addEventListener("hashchange", openNamed);
openNamed();
