// Streams the playground's answers. Everything that comes back is put into the page as text, never as markup.

const form = document.getElementById("ask");
const fault = document.getElementById("fault");
const stop = document.getElementById("stop");
const sides = document.getElementById("sides");
const decision = document.getElementById("decision");
const code = document.getElementById("code");
const snippets = document.getElementById("snippets");
const base = form.dataset.base;
const token = document.querySelector('meta[name="csrf"]').content;
let running = null;

function made(name, text, kind) {
  const one = document.createElement(name);
  if (text !== undefined) one.textContent = plain(String(text));
  if (kind) one.className = kind;
  return one;
}

// as the server does it: letters that hide or turn text around are named
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffc]|[\u{e0000}-\u{e007f}]/gu;
const plain = (text) => text.replace(hidden, (letter) => `\u27e8U+${letter.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}\u27e9`);

function usd(value) {
  if (value === null || value === undefined) return "unknown";
  if (value === 0) return "$0";
  return `$${value.toFixed(value >= 1 ? 2 : value >= 0.01 ? 4 : value >= 0.0001 ? 6 : 9)}`;
}

const ms = (value) => (value === null || value === undefined ? "\u2013" : value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`);

function post(path, body) {
  const headers = { "content-type": "application/json", "x-csrf-token": token };
  return fetch(`${base}/${path}`, { method: "POST", headers, body: JSON.stringify(body), signal: running.signal });
}

function question(model) {
  const given = new FormData(form);
  const body = { prompt: given.get("prompt") };
  if (given.get("system")) body.system = given.get("system");
  if (model !== "auto") body.model = model;
  else if (given.get("mode")) body.mode = given.get("mode");
  if (given.get("fresh")) body.cache = "off";
  return body;
}

async function refused(answer) {
  const kind = answer.headers.get("content-type") ?? "";
  if (!kind.includes("json")) return answer.status === 401 || answer.status === 403 ? "This page is too old: load it again." : `HTTP ${answer.status}`;
  const { error } = await answer.json();
  return `${error.message} (${error.code})`;
}

function table(candidates) {
  const shown = made("table");
  const head = made("tr");
  for (const name of ["model", "quality", "cost", "latency"]) { const cell = made("th", name, name === "model" ? "" : "num"); cell.scope = "col"; head.append(cell); }
  const top = made("thead");
  top.append(head);
  const rows = made("tbody");
  candidates.forEach((one, place) => {
    const row = made("tr", undefined, place ? "" : "win");
    const name = made("th", one.name);
    name.scope = "row";
    row.append(name, made("td", one.quality.toFixed(2), "num"), made("td", usd(one.cost_usd), "num"), made("td", ms(one.latency_ms), "num"));
    rows.append(row);
  });
  shown.append(top, rows);
  const place = made("div", undefined, "scroll");
  place.append(shown);
  return place;
}

async function decide() {
  decision.replaceChildren();
  const answer = await post("ask/route", question("auto"));
  if (!answer.ok) return;
  const { decision: told } = await answer.json();
  const card = made("article", undefined, "card");
  card.append(made("h2", "Decision before the call"), made("p", told.reason, "verdict"));
  const more = made("details");
  more.append(made("summary", "The best candidates, and what would change the choice"), table(told.candidates.filter((one) => !one.excluded).slice(0, 6)));
  const list = made("ul");
  for (const flip of told.flips ?? []) list.append(made("li", flip));
  more.append(list);
  card.append(more);
  decision.replaceChildren(card);
}

async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const name = /^event: (.*)$/m.exec(block)?.[1];
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (name && data) yield [name, JSON.parse(data)];
    }
  }
}

function finish(card, reply) {
  const facts = made("dl", undefined, "facts");
  const add = (name, value) => facts.append(made("dt", name), made("dd", value));
  add("cost", usd(reply.cost_usd) + (reply.mock ? ` (at list price ${usd(reply.selected_model.estimated_cost)})` : ""));
  add("latency", ms(reply.latency_ms));
  add("tokens", `${reply.usage.input_tokens} in, ${reply.usage.output_tokens} out`);
  add("score", reply.score === null ? "not scored" : reply.score.toFixed(2));
  const link = made("a", "Everything about this call");
  link.href = `${base}/calls/${encodeURIComponent(reply.id)}`;
  const last = made("p");
  last.append(link);
  card.append(facts, ...reply.warnings.map((text) => made("p", text, "muted")), last);
}

async function ask(model) {
  const card = made("article", undefined, "card");
  const who = made("p", "asking\u2026", "muted");
  const text = made("p", "", "answer");
  card.append(made("h2", model), who, text);
  sides.append(card);
  const began = performance.now();
  try {
    const answer = await post("ask/query", { ...question(model), stream: true });
    if (!answer.ok) throw new Error(await refused(answer));
    let whole = "";
    for await (const [name, data] of events(answer)) {
      if (name === "delta") {
        if (!whole) who.textContent = `first word after ${ms(performance.now() - began)}`;
        whole += data.text;
        text.textContent = plain(whole);
      } else if (name === "done") {
        const { name: row, provider } = data.selected_model;
        who.textContent = plain(`${row} at ${provider}${data.mock ? ", simulated" : ""}${data.cached ? ", from the cache" : ""}; ${who.textContent}`);
        finish(card, data);
      } else if (name === "error") throw new Error(`${data.error.message} (${data.error.code})`);
    }
  } catch (error) {
    card.append(made("p", error.name === "AbortError" ? "stopped" : error.message, "fault"));
  }
}

async function copyable(model) {
  const answer = await post("snippets", question(model));
  if (!answer.ok) return;
  snippets.replaceChildren();
  for (const [language, text] of Object.entries(await answer.json())) {
    const one = made("details");
    const block = document.createElement("pre");
    block.textContent = text;
    block.tabIndex = 0;
    const button = made("button", "Copy", "quiet");
    button.type = "button";
    button.addEventListener("click", async () => {
      await navigator.clipboard?.writeText(text);
      button.textContent = navigator.clipboard ? "Copied" : "Select the text and copy it";
    });
    one.append(made("summary", language), button, block);
    snippets.append(one);
  }
  code.hidden = false;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const models = new FormData(form).getAll("model");
  const most = Number(form.dataset.most);
  fault.textContent = !models.length ? "Choose at least one model, or auto." : models.length > most ? `Choose at most ${most} models.` : "";
  if (fault.textContent) return;
  running?.abort();
  const mine = (running = new AbortController());
  stop.hidden = false;
  sides.replaceChildren();
  try {
    const only = event.submitter?.value === "decision";
    if (only || models.includes("auto")) await decide();
    else decision.replaceChildren();
    if (only) return;
    await Promise.all([...models.map(ask), copyable(models[0])]);
  } catch (error) {
    if (error.name !== "AbortError") fault.textContent = "The service does not answer.";
  } finally {
    if (running === mine) stop.hidden = true;
  }
});

stop.addEventListener("click", () => running?.abort());
