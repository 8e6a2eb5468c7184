// Copies what browsers load from node_modules to web/static/vendor, with the licences of it all.
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const PACKAGES = join(HERE, "node_modules");
const VENDOR = join(HERE, "..", "static", "vendor");
const SERVED = {
  "yasqe.js": "@zazuko/yasqe/build/yasqe.min.js",
  "yasqe.css": "@zazuko/yasqe/build/yasqe.min.css",
  "yasr.js": "@zazuko/yasr/build/yasr.min.js",
  "yasr.css": "@zazuko/yasr/build/yasr.min.css",
  "cytoscape.js": "cytoscape/dist/cytoscape.esm.min.mjs",
};

// Inline styles, which the Content-Security-Policy forbids and static/css/sparql.css replaces.
const REPLACED = {
  "yasqe.js": ["<strong style='text-decoration:underline'>", "<strong>"],
  "yasr.js": [
    "o.styleSheet?o.styleSheet.cssText=n:o.appendChild(document.createTextNode(n)),e.appendChild(o)",
    "0",
  ],
};

const lock = JSON.parse(await readFile(join(HERE, "package-lock.json"), "utf8"));
const served = Object.entries(lock.packages).filter(([path, entry]) => path && !entry.dev);

async function licence([path, entry]) {
  const folder = join(HERE, path);
  const name = (await readdir(folder)).find((file) => /^licen[cs]e/i.test(file));
  const text = name ? await readFile(join(folder, name), "utf8") : "";
  return `${path.replace(/^.*node_modules\//, "")} ${entry.version}: ${entry.license}\n\n${text}`;
}

async function copy([name, source]) {
  const [old, replacement] = REPLACED[name] ?? ["", ""];
  const text = await readFile(join(PACKAGES, source), "utf8");
  if (!text.includes(old)) throw new Error(`${source} no longer has ${old}`);
  await writeFile(join(VENDOR, name), text.replace(old, () => replacement));
}

await rm(VENDOR, { recursive: true, force: true });
await mkdir(VENDOR, { recursive: true });
await Promise.all(Object.entries(SERVED).map(copy));
const licences = await Promise.all(served.map(licence));
await writeFile(join(VENDOR, "licences.txt"), licences.join(`\n${"-".repeat(80)}\n`));
