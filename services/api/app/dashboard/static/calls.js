// Puts calls that end now on top of the list. Texts only: nothing that came from a caller is ever markup here.

import { follow, offerZone } from "./live.js";

const MOST = 200;
const place = document.getElementById("live");
const body = document.querySelector("#calls tbody");
const known = new Set([...(body?.querySelectorAll("th a") ?? [])].map((one) => one.getAttribute("href")));
let missed = 0;

function cell(text, kind) {
  const made = document.createElement("td");
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function line(row) {
  const made = document.createElement("tr");
  made.className = "new";
  const head = document.createElement("th");
  head.scope = "row";
  head.className = "nowrap";
  const link = document.createElement("a");
  link.href = place.dataset.detail + encodeURIComponent(row.id);
  link.textContent = row.at;
  head.append(link);
  const model = cell(row.model);
  if (row.asked) {
    const asked = document.createElement("span");
    asked.className = "muted";
    asked.textContent = `asked: ${row.asked}`;
    model.append(document.createElement("br"), asked);
  }
  const outcome = cell("");
  const pill = document.createElement("span");
  pill.className = `pill ${row.kind}`;
  pill.textContent = row.outcome;
  outcome.append(pill);
  made.append(head, model, cell(row.mode), outcome, cell(row.cache));
  for (const text of [row.tokens, row.cost, row.latency, row.first, row.score]) made.append(cell(text, "num"));
  return made;
}

follow(place, ({ rows }) => {
  if (!body) {
    missed += rows.length;
    if (missed) place.textContent = `${missed} new: load the page again to see them.`;
    return;
  }
  for (const row of rows) {
    const made = line(row);
    const url = made.querySelector("a").getAttribute("href");
    if (!known.has(url)) body.prepend(made);
    known.add(url);
  }
  while (body.rows.length > MOST) body.lastElementChild.remove();
});
offerZone();
