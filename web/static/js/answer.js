/* Menus of chips close by themselves; links into folded parts open them; picks are counted. */

const menus = [...document.querySelectorAll("details.menu")];

function closeOthers(kept) {
  for (const menu of menus) if (menu !== kept) menu.open = false;
}

for (const menu of menus) {
  menu.addEventListener("toggle", () => {
    if (menu.open) closeOthers(menu);
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
document.addEventListener("click", (event) => closeOthers(event.target.closest("details.menu")));

function showTarget() {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const flags = target && target.querySelector("details.of-danger");
  if (flags) flags.open = true;
}
addEventListener("hashchange", showTarget);
showTarget();

const picks = [...document.querySelectorAll('input[form="pick"]')];
const said = document.querySelector("[data-picked]");
const buttons = [...document.querySelectorAll('button[form="pick"]')];
const MOST = 5;

function count() {
  const picked = picks.filter((pick) => pick.checked).length;
  for (const pick of picks) pick.disabled = !pick.checked && picked >= MOST;
  if (picked) said.textContent = picked < 2 ? "1 ticked: tick one more." : `${picked} ticked, of ${MOST} at most.`;
  else said.textContent = "Two to five conditions, side by side.";
  for (const button of buttons) button.classList.toggle("ready", picked > 1);
}

if (picks.length && said) {
  said.setAttribute("role", "status");
  for (const pick of picks) pick.addEventListener("change", count);
  count();
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
