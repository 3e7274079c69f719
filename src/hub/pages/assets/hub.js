// What pages can do with script: grow while somebody looks, and tell times in the reader's zone. Without it they work too.
"use strict";

(() => {
  // Times.
  const format = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
  const dated = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const ago = (moment) => {
    if (moment.getFullYear() !== new Date().getFullYear()) return dated.format(moment);
    const seconds = Math.round((Date.now() - moment.getTime()) / 1000);
    if (seconds < 0 || seconds >= 24 * 3600) return format.format(moment);
    if (seconds < 60) return "just now";
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
    return `${Math.floor(seconds / 3600)} h ago`;
  };
  const tellTimes = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (Number.isNaN(moment.getTime())) continue;
      const text = ago(moment);
      if (time.textContent !== text) time.textContent = text;
      time.title = exact.format(moment);
    }
  };

  // Parts of a page, as the hub sends them: made of its own markup, with everything of strangers escaped.
  const elements = (markup) => {
    const template = document.createElement("template");
    template.innerHTML = markup;
    tellTimes(template.content);
    return [...template.content.children];
  };

  const keepState = (old, fresh) => {
    const before = old.querySelectorAll("details");
    fresh.querySelectorAll("details").forEach((details, number) => {
      if (before[number]) details.open = before[number].open;
    });
    for (const field of old.querySelectorAll("input, textarea, select")) {
      const same = field.id && fresh.querySelector(`#${CSS.escape(field.id)}`);
      if (same && field.value !== field.defaultValue) same.value = field.value;
    }
  };

  const pathOf = (root, element) => {
    if (element.id) return `#${CSS.escape(element.id)}`;
    const all = [...root.querySelectorAll("a, button, summary, input")];
    return all.indexOf(element);
  };

  const replace = (old, fresh) => {
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const path = focused && (focused === old ? "" : pathOf(old, focused));
    keepState(old, fresh);
    old.replaceWith(fresh);
    if (focused) {
      const again = path === "" ? fresh
        : typeof path === "string" ? fresh.querySelector(path)
        : fresh.querySelectorAll("a, button, summary, input")[path];
      if (again) again.focus({ preventScroll: true });
    }
  };

  const grow = (place) => {
    const insert = (element) => {
      const old = element.id && document.getElementById(element.id);
      if (old) { replace(old, element); return; }
      element.classList.add("new");
      if (place.dataset.grow === "start") place.prepend(element);
      else place.append(element);
      for (const empty of document.querySelectorAll("main > .empty")) empty.remove();
    };
    const isAtEnd = () => window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 40;
    let seen = place.dataset.seen;
    const open = () => {
      const address = new URL(place.dataset.stream, location.href);
      address.searchParams.set("seen", seen);
      const source = new EventSource(address);
      source.addEventListener("open", () => document.documentElement.classList.add("live"));
      const take = (event) => {
        const follows = event.type === "lines" && isAtEnd();
        seen = event.lastEventId;
        elements(event.data).forEach(insert);
        if (follows) window.scrollTo(0, document.documentElement.scrollHeight);
      };
      source.addEventListener("part", take);
      source.addEventListener("lines", take);
      source.addEventListener("error", () => {
        if (source.readyState !== EventSource.CLOSED) return;
        // The hub has refused: it is full, or nobody is signed in any more. The link to refresh is there again.
        document.documentElement.classList.remove("live");
        source.close();
        setTimeout(open, 30000);
      });
    };
    open();
  };

  tellTimes(document);
  setInterval(() => tellTimes(document), 20000);
  for (const place of document.querySelectorAll("[data-stream]")) grow(place);
})();
