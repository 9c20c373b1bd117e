// Keeps the tiles of the overview up to date: asks for their texts when calls came, at most every two seconds.

import { follow, offerZone } from "./live.js";

const PAUSE = 2000;
const tiles = document.getElementById("tiles");
let waiting = false;

async function renew() {
  waiting = false;
  const answer = await fetch(tiles.dataset.url, { headers: { accept: "application/json" } });
  if (!answer.ok) return;
  for (const [name, [value, note, exact]] of Object.entries(await answer.json())) {
    const shown = document.getElementById(`tile-${name}`);
    const noted = document.getElementById(`note-${name}`);
    if (!shown || !noted) continue;
    shown.textContent = value;
    noted.textContent = note;
    if (exact) shown.title = `exactly ${exact}`;
  }
}

follow(document.getElementById("live"), () => {
  if (waiting) return;
  waiting = true;
  setTimeout(() => renew().catch(() => {}), PAUSE);
});
offerZone();
