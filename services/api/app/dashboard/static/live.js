// Follows what happens by server-sent events while the page is seen; the browser itself comes again after a break.

export function follow(place, heard) {
  const url = place?.dataset.url;
  if (!url) return;
  let source = null;
  const say = (text) => { if (place.textContent !== text) place.textContent = text; };
  const open = () => {
    if (source || document.hidden) return;
    source = new EventSource(url);
    source.addEventListener("open", () => say("Live."));
    source.addEventListener("calls", (event) => heard(JSON.parse(event.data)));
    source.addEventListener("error", () => say("Not live just now."));
  };
  const close = () => { source?.close(); source = null; };
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
}

// a link to the same page in the reader's own time zone, where that is not the one shown
export function offerZone() {
  const place = document.getElementById("zone");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (!place || !zone || zone === place.dataset.zone) return;
  const url = new URL(location.href);
  url.searchParams.set("tz", zone);
  const link = document.createElement("a");
  link.href = url.href;
  link.textContent = `Show times in ${zone}`;
  place.replaceChildren(" ", link, ". ");
}
