// Keeps the home page as it would be if it were loaded anew. Without this file the page is as good, only not live.
"use strict";

(() => {
  const PATIENCE = 300; // several changes at once are one
  const EVERY = 30_000; // what changes without being told: ages, what somebody plays
  const TICK = 5_000;
  const DEADLINE = 10_000; // what isn't answered by then won't be
  const BEHIND = 3_000; // until another copy of the service, which answered, has seen what this page was told by one
  const ATTEMPTS = 5; // more than the time between two looks of a copy
  const GRACE = 6_000; // a stream ends by itself now and then, and the browser is back in half of that

  const aloud = document.getElementById("aloud");
  const live = document.getElementById("live");
  let stand = performance.now(); // when the ages on the page were right
  let waiting = 0;
  let busy = false;
  let again = false;
  let attempts = 0;
  const told = new Map(); // when a service was looked at that has changed, by service

  // As brain/page/words.py says them.
  const plural = (number, one) => `${number.toLocaleString("en")} ${number === 1 ? one : `${one}s`}`;
  const span = (seconds) => {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 90) return plural(whole, "second");
    if (whole < 90 * 60) return plural(Math.floor(whole / 60), "minute");
    if (whole < 36 * 3600) return plural(Math.floor(whole / 3600), "hour");
    return plural(Math.floor(whole / 86400), "day");
  };
  const ago = (seconds) => (seconds < 5 ? "just now" : `${span(seconds)} ago`);

  const ageAll = () => {
    const more = (performance.now() - stand) / 1000;
    for (const one of document.querySelectorAll(".age")) {
      const text = ago(Number(one.dataset.age) + more);
      if (one.textContent !== text) one.textContent = text;
    }
  };

  // Two states of a part are the same if they differ in ages alone.
  const bare = (part) => {
    const copy = part.cloneNode(true);
    for (const one of copy.querySelectorAll(".age, time")) one.replaceWith();
    return copy.innerHTML;
  };

  // Whoever has the focus in a part that is replaced has it at the same place of the new one.
  const STOPS = "a[href], button, input, [tabindex='0']";
  const replace = (old, fresh) => {
    const at = [...old.querySelectorAll(STOPS)].indexOf(document.activeElement);
    old.replaceWith(fresh);
    if (at >= 0) fresh.querySelectorAll(STOPS)[at]?.focus({ preventScroll: true });
  };

  const sentence = (root) => root.querySelector("#headline .sentence")?.textContent ?? "";

  const isBehind = (fresh) =>
    [...fresh.querySelectorAll("[data-at]")].some((one) => Date.parse(one.dataset.at) < told.get(one.dataset.service));

  const show = (fresh) => {
    const said = sentence(fresh);
    if (said && said !== sentence(document)) aloud.textContent = said;
    // A part that came or went, as when a role has changed: there is no telling where it belongs.
    const ids = (root) => [...root.querySelectorAll("[data-live]")].map((one) => one.id).join();
    if (ids(fresh) !== ids(document)) return location.reload();
    for (const old of document.querySelectorAll("[data-live]")) {
      const part = fresh.getElementById(old.id);
      if (bare(old) !== bare(part)) {
        replace(old, document.adoptNode(part));
        continue;
      }
      const ages = part.querySelectorAll(".age, time");
      old.querySelectorAll(".age, time").forEach((one, at) => one.replaceWith(document.adoptNode(ages[at])));
    }
    document.title = fresh.title;
    stand = performance.now();
  };

  const tell = (text) => {
    if (live.dataset.said === text) return;
    live.dataset.said = text;
    live.textContent = text;
  };

  // What is older than what was told isn't shown, but for the last attempt: clocks may differ.
  const take = (fresh) => {
    if (isBehind(fresh) && attempts < ATTEMPTS) {
      attempts += 1;
      soon(BEHIND);
      return;
    }
    if (attempts === ATTEMPTS) told.clear();
    attempts = 0;
    show(fresh);
  };

  const look = async () => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const answer = await fetch("/", {
        headers: { Accept: "text/html" },
        cache: "no-store",
        signal: AbortSignal.timeout(DEADLINE),
      });
      if (answer.ok) take(new DOMParser().parseFromString(await answer.text(), "text/html"));
      else if (answer.status === 401 || answer.status === 403) location.reload();
    } catch {
      // The home can't be reached; the ages tell, and so does the line below.
    } finally {
      busy = false;
      if (again) {
        again = false;
        soon();
      }
    }
  };

  const soon = (after = PATIENCE) => {
    clearTimeout(waiting);
    waiting = setTimeout(look, after);
  };

  const heard = (event) => {
    const { service, at } = JSON.parse(event.data);
    const when = Date.parse(at);
    if (when > (told.get(service) ?? 0)) told.set(service, when);
    attempts = 0;
    soon();
  };

  const listen = () => {
    const events = new EventSource("/api/v1/events");
    let gone = 0;
    events.onopen = () => {
      clearTimeout(gone);
      gone = 0;
      tell("Live: changes appear by themselves.");
      soon(); // what happened since the page was made
    };
    events.addEventListener("change", heard);
    events.onerror = () => {
      // The browser itself tries again, but not after a refusal.
      const refused = events.readyState === EventSource.CLOSED;
      if (refused) setTimeout(listen, EVERY);
      gone ||= setTimeout(
        () => tell("Not live: the connection is gone. The page keeps trying."),
        refused ? 0 : GRACE,
      );
    };
    const end = () => {
      events.close();
      clearTimeout(gone);
    };
    addEventListener("pagehide", end, { once: true });
  };

  addEventListener("pageshow", (event) => {
    if (event.persisted) listen();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    ageAll(); // nothing ticks in a page that nobody sees
    soon();
  });
  setInterval(() => document.hidden || look(), EVERY);
  setInterval(ageAll, TICK);
  listen();
})();
