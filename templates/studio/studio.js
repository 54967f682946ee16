// The studio's page, kept up to date in place: parts are exchanged when a file changes or another look is
// chosen, and the frames only after their new document has loaded, so that nothing flickers or jumps.

const parser = new DOMParser();
const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => fit(frameOf(target))));
let asked = 0;

function frameOf(root) {
  return [...document.querySelectorAll("iframe")].find((frame) => frame.contentDocument?.documentElement === root);
}

/** Make a frame as high as what is in it, so that phone and desktop scroll together with the page. */
function fit(frame) {
  const root = frame?.contentDocument?.documentElement;
  if (!root) return;
  const height = Math.ceil(root.getBoundingClientRect().height);
  if (height > 0) frame.style.height = `${height}px`;
}

function watch(frame) {
  const root = frame.contentDocument?.documentElement;
  if (!root) return;
  fit(frame);
  sizes.observe(root);
}

function prepare(scope) {
  for (const frame of scope.querySelectorAll("iframe")) {
    frame.addEventListener("load", () => watch(frame));
    if (frame.contentDocument?.readyState === "complete") watch(frame);
  }
}

/** Load the new document of a frame out of sight, and exchange the two when it is there. */
function exchange(frame, source, title) {
  frame.parentElement.querySelector("iframe.coming")?.remove();
  if (frame.getAttribute("src") === source) return;
  const next = frame.cloneNode();
  next.src = source;
  next.title = title;
  next.classList.add("coming");
  next.addEventListener("load", () => {
    next.classList.remove("coming");
    frame.remove();
    watch(next);
  }, { once: true });
  frame.after(next);
}

function frames(part) {
  return [...part.querySelectorAll("iframe:not(.coming)")];
}

function adoptStage(old, part) {
  const [before, after] = [frames(old), frames(part)];
  const same = before.length > 0 && before.map((f) => f.dataset.frame).join() === after.map((f) => f.dataset.frame).join();
  if (!same) {
    old.replaceWith(part);
    prepare(part);
    return;
  }
  old.className = part.className;
  before.forEach((frame, index) => exchange(frame, after[index].getAttribute("src"), after[index].title));
}

function adopt(old, part) {
  if (old.dataset.part === "stage") {
    adoptStage(old, part);
  } else if (!old.isEqualNode(part)) {
    part.querySelector("details")?.toggleAttribute("open", Boolean(old.querySelector("details[open]")));
    old.replaceWith(part);
  }
}

/** Show what the server has for an address, in place if it has the same parts as the page that is shown. */
async function show(address) {
  const turn = ++asked;
  let page;
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    page = parser.parseFromString(await answer.text(), "text/html");
  } catch {
    return; // the studio was stopped; the stream of events says so, and when it is back
  }
  if (turn !== asked) return;
  const [old, parts] = [document, page].map((root) => [...root.querySelectorAll("[data-part]")]);
  if (old.map((part) => part.dataset.part).join() !== parts.map((part) => part.dataset.part).join()) {
    document.querySelector("main").replaceWith(page.querySelector("main"));
    prepare(document);
  } else {
    const focused = focus();
    old.forEach((part, index) => adopt(part, parts[index]));
    focused();
  }
  document.title = page.title;
}

/** Remember what has the focus, and give it back to its successor. */
function focus() {
  const active = document.activeElement;
  const key = active?.dataset?.key ?? null;
  const [start, typed] = [active?.selectionStart, active?.value];
  return () => {
    if (key === null || document.activeElement === active) return;
    const next = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    next?.focus({ preventScroll: true });
    if (next && typed !== undefined && start !== null) {
      next.value = typed;
      next.setSelectionRange(start, start);
    }
  };
}

function go(address) {
  history.pushState(null, "", address);
  show(address);
}

function here() {
  return location.pathname + location.search;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-look]");
  if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-search]")) return;
  event.preventDefault();
  go(`${event.target.getAttribute("action")}?${new URLSearchParams(new FormData(event.target))}`);
});

document.addEventListener("keydown", (event) => {
  if (event.metaKey || event.ctrlKey || event.altKey || event.target.matches("input, select, textarea")) return;
  const target = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (!target) return;
  event.preventDefault();
  target.matches("a") ? target.click() : target.focus();
});

addEventListener("popstate", () => show(here()));

function say(state, text) {
  const pulse = document.querySelector("[data-pulse]");
  pulse.classList.remove("live", "lost");
  pulse.classList.add(state);
  pulse.querySelector("[data-pulse-text]").textContent = text;
}

let lost = false;
const events = new EventSource("/events");
events.addEventListener("hello", () => {
  say("live", "Watching for changes");
  if (lost) show(here());
  lost = false;
});
events.addEventListener("change", () => show(here()));
events.addEventListener("error", () => {
  lost = true;
  say("lost", "The studio was stopped");
});

prepare(document);
