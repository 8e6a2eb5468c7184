// A tree of nested <details>: open and close all, and show only the names that hold some letters.

const tree = document.querySelector("[data-tree]");
const tools = document.querySelector("[data-tree-tools]");
const state = document.querySelector("[data-tree-state]");
const filter = document.querySelector("[data-tree-filter]");

function openAll(open) {
  for (const details of tree.querySelectorAll("details")) details.open = open;
}

function show(item, wanted) {
  const own = item.querySelector("a").textContent.toLowerCase().includes(wanted);
  let below = 0;
  for (const child of item.querySelectorAll(":scope > details > ul > li")) {
    below += show(child, wanted);
  }
  item.hidden = !own && !below;
  const details = item.querySelector(":scope > details");
  if (details) {
    details.open = Boolean(wanted) && below > 0;
    if (own && !below) {
      for (const child of details.querySelectorAll("li")) child.hidden = false;
    }
  }
  return below + Number(own);
}

function filterTree() {
  const wanted = filter.value.trim().toLowerCase();
  let found = 0;
  for (const item of tree.querySelectorAll(":scope > ul > li")) found += show(item, wanted);
  state.textContent = wanted ? `${found} found` : "";
}

tools.hidden = false;
tools.querySelector("[data-tree-open]").addEventListener("click", () => openAll(true));
tools.querySelector("[data-tree-close]").addEventListener("click", () => openAll(false));
filter.addEventListener("input", filterTree);
