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
