// The neighbourhood of an entity as a graph that grows by click, with a list for the keyboard.

const STATE = {
  loading: "Loading …",
  absent:
    "The graph needs the optional front-end packages: see “front end” in the README. " +
    "All that it shows is also on this page.",
  failed: "What is linked to this could not be loaded.",
};

const PER_RELATION = 2;
const MOST_NAMED = 12; // more names of edges than this hide each other

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function style() {
  return [
    {
      selector: "node",
      style: {
        label: "data(label)",
        color: colour("ink"),
        "background-color": colour("none"),
        "font-size": 16,
        "text-wrap": "wrap",
        "text-max-width": 140,
        "text-valign": "bottom",
        "text-margin-y": 4,
        "text-background-color": colour("card"),
        "text-background-opacity": 0.85,
        "text-background-padding": 1,
        width: 20,
        height: 20,
      },
    },
    { selector: "node[kind = 'condition']", style: { "background-color": colour("accent") } },
    {
      selector: "node[kind = 'symptom']",
      style: { "background-color": colour("warm"), shape: "diamond" },
    },
    {
      selector: "node[kind = 'region']",
      style: { "background-color": colour("fair"), shape: "round-rectangle" },
    },
    {
      selector: "node[kind = 'treatment'], node[kind = 'test']",
      style: { "background-color": colour("good"), shape: "triangle" },
    },
    { selector: "node.open", style: { width: 30, height: 30, "font-weight": "bold" } },
    {
      selector: "node.chosen",
      style: { "border-width": 3, "border-color": colour("ink") },
    },
    {
      selector: "edge",
      style: {
        width: 1.2,
        "line-color": colour("line"),
        "target-arrow-color": colour("soft"),
        "target-arrow-shape": "triangle",
        "arrow-scale": 0.7,
        "curve-style": "bezier",
      },
    },
    {
      selector: "edge.named",
      style: {
        label: "data(said)",
        color: colour("soft"),
        "font-size": 13,
        "text-rotation": "autorotate",
        "text-background-color": colour("card"),
        "text-background-opacity": 0.9,
      },
    },
    { selector: "edge.chosen, edge.named", style: { "line-color": colour("soft") } },
  ];
}

class Neighbourhood {
  constructor(element, cytoscape) {
    this.element = element;
    this.state = element.querySelector("[data-graph-state]");
    this.list = element.querySelector("[data-graph-nodes]");
    this.canvas = element.querySelector("[data-graph-canvas]");
    this.canvas.hidden = this.list.hidden = false;
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.graph = cytoscape({
      container: this.canvas,
      style: style(),
      minZoom: 0.3,
      maxZoom: 2.5,
      userZoomingEnabled: false,
    });
    this.graph.on("tap", "node", (event) => this.expand(event.target.id()));
    this.graph.on("mouseover", "node, edge", ({ target }) => {
      (target.isEdge() ? target : target.connectedEdges()).addClass("near named");
    });
    this.graph.on("mouseout", "node, edge", () => {
      this.graph.edges(".near").removeClass("near named");
      this.choose(this.chosen);
    });
    for (const button of element.querySelectorAll("[data-graph-zoom]")) {
      button.addEventListener("click", () => this.zoom(Number(button.dataset.graphZoom)));
    }
    element.querySelector("[data-graph-tools]").hidden = false;
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
      this.graph.style(style()),
    );
  }

  address(identifier) {
    return this.element.dataset.page.replace("LOCAL", identifier.split(":")[1]);
  }

  async expand(identifier) {
    this.choose(identifier);
    const node = this.graph.getElementById(identifier);
    if (node.nonempty() && node.hasClass("open")) return;
    const path = this.element.dataset.neighbours.replace("CURIE", identifier);
    try {
      const response = await fetch(`${path}?limit=${PER_RELATION}`, { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(response.statusText);
      this.add(await response.json());
    } catch {
      this.state.textContent = STATE.failed;
    }
  }

  add({ entity, neighbours, left_out: leftOut }) {
    const before = this.graph.nodes().length;
    const elements = [];
    for (const one of [entity, ...neighbours.map((item) => item.entity)]) {
      if (this.graph.getElementById(one.id).empty() && !elements.some((e) => e.data.id === one.id)) {
        elements.push({ group: "nodes", data: { id: one.id, label: one.label, kind: one.kind } });
      }
    }
    for (const { entity: other, relation, said, outward } of neighbours) {
      const [source, target] = outward ? [entity.id, other.id] : [other.id, entity.id];
      const id = `${source} ${relation} ${target}`;
      if (this.graph.getElementById(id).empty()) {
        elements.push({ group: "edges", data: { id, source, target, said } });
      }
    }
    this.graph.add(elements);
    this.graph.getElementById(entity.id).addClass("open");
    this.layout();
    this.choose(entity.id);
    this.fill();
    const more = leftOut ? ` ${leftOut} more are on its page.` : "";
    const added = this.graph.nodes().length - before;
    this.state.textContent = `${entity.label}: ${added} added.${more} Choose one to see around it.`;
  }

  layout() {
    const nodes = this.graph.nodes().length;
    this.graph
      .layout({
        name: "cose",
        animate: this.calm ? false : "end",
        animationDuration: 300,
        randomize: nodes < 2,
        nodeDimensionsIncludeLabels: true,
        nodeRepulsion: () => 60000,
        idealEdgeLength: () => 80,
        padding: 24,
      })
      .run();
  }

  zoom(factor) {
    const centre = { x: this.graph.width() / 2, y: this.graph.height() / 2 };
    this.graph.zoom({ level: this.graph.zoom() * factor, renderedPosition: centre });
  }

  choose(identifier) {
    this.chosen = identifier;
    this.graph.elements(".chosen").removeClass("chosen named");
    const node = this.graph.getElementById(identifier);
    node.addClass("chosen");
    const edges = node.connectedEdges();
    edges.addClass(edges.length > MOST_NAMED ? "chosen" : "chosen named");
    for (const item of this.list.children) {
      item.classList.toggle("chosen", item.dataset.id === identifier);
    }
  }

  fill() {
    const focused = document.activeElement?.closest?.("[data-id]")?.dataset.id;
    const items = this.graph
      .nodes()
      .map((node) => node)
      .sort((one, other) => one.data("label").localeCompare(other.data("label")))
      .map((node) => this.item(node));
    this.list.replaceChildren(...items);
    const again = items.find((item) => item.dataset.id === focused);
    again?.querySelector("a").focus();
  }

  item(node) {
    const item = document.createElement("li");
    item.dataset.id = node.id();
    item.classList.toggle("chosen", node.hasClass("chosen"));
    const link = document.createElement("a");
    link.href = this.address(node.id());
    link.textContent = node.data("label");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = node.hasClass("open") ? "shown" : "show around it";
    button.disabled = node.hasClass("open");
    button.setAttribute("aria-label", `${button.textContent}: ${node.data("label")}`);
    button.addEventListener("click", () => this.expand(node.id()));
    const links = document.createElement("span");
    links.className = "note";
    links.textContent = node
      .connectedEdges()
      .slice(0, 3)
      .map((edge) =>
        [edge.source().data("label"), edge.data("said"), edge.target().data("label")].join(" "),
      )
      .join("; ");
    item.append(link, button, links);
    return item;
  }
}

async function load(element) {
  const state = element.querySelector("[data-graph-state]");
  state.textContent = STATE.loading;
  let cytoscape;
  try {
    // Cytoscape adds a style element, which the page's policy refuses, unless this one is there.
    const marker = document.createElement("meta");
    marker.id = "__________cytoscape_stylesheet";
    document.head.append(marker);
    const module = new URL("../vendor/cytoscape.js", import.meta.url);
    cytoscape = (await import(module)).default;
  } catch {
    state.textContent = STATE.absent;
    return;
  }
  await new Neighbourhood(element, cytoscape).expand(element.dataset.graph);
}

for (const element of document.querySelectorAll("[data-graph]")) {
  element.addEventListener("toggle", () => load(element), { once: true });
}
