// The studio's page, kept up to date in place: parts are exchanged when a file changes or another look is
// chosen, and the frames only after their new document has loaded, so that nothing flickers or jumps.

const parser = new DOMParser();
const sizes = new ResizeObserver((entries) => entries.forEach(({ target }) => fit(frameOf(target))));
const rooms = new ResizeObserver((entries) => entries.forEach(({ target }) => fit(target.querySelector("iframe:not(.coming)"))));
// The number of the last page that was asked for (answers to earlier ones are out of date), how many are still
// to come, the number of the last change of a file, and whether its frames are still to come.
let [asked, coming, changes, changing] = [0, 0, 0, false];

const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = (selector, root = document) => root.querySelector(selector);

/* ---- frames: as high as what is in them, as wide as they are said to be ---- */

function frameOf(root) {
  return all("iframe").find((frame) => frame.contentDocument?.documentElement === root);
}

function scaleOf(frame) {
  return Number(frame?.dataset.scale ?? 1);
}

/** Make a frame as high as what is in it, and smaller to the eye where its width has no room. */
function fit(frame) {
  const root = frame?.contentDocument?.documentElement;
  const device = frame?.closest(".device");
  if (!root || !device) return;
  const logical = Number(device.dataset.logical ?? 0);
  const screen = frame.parentElement;
  const room = screen.clientWidth;
  const sized = one("[data-handle]", screen);
  const edges = screen.offsetWidth - room;
  if (sized && logical) device.style.width = `${logical + edges}px`;
  const width = logical && (sized || logical > room) ? logical : 0;
  const scale = width && screen.clientWidth < width ? screen.clientWidth / width : 1;
  device.classList.toggle("scaled", scale < 1);
  frame.style.width = width ? `${width}px` : "";
  frame.style.transform = scale < 1 ? `scale(${scale})` : "";
  frame.dataset.scale = scale;
  const height = Math.ceil(root.getBoundingClientRect().height);
  if (height > 0) {
    frame.style.height = `${height}px`;
    screen.style.height = scale < 1 ? `${Math.ceil(height * scale) + edges}px` : "";
  }
  const told = one("[data-measure]", device);
  const text = `${width || screen.clientWidth} px${scale < 1 ? `, shown at ${Math.round(scale * 100)} %` : ""}`;
  if (told && told.textContent !== text) told.textContent = text;
}

function watch(frame) {
  const inner = frame.contentDocument;
  if (!inner?.documentElement) return;
  fit(frame);
  sizes.observe(inner.documentElement);
  if (inner.studioListens) return;
  inner.studioListens = true;
  inner.addEventListener("click", (event) => {
    if (event.target.closest?.("a[href]")) return;
    knowLines(frame).then(() => {
      const place = event.target.closest?.("[data-line]");
      if (place) reveal(Number(place.dataset.line), { scroll: false });
    });
  });
  inner.addEventListener("keydown", pressed);
}

function prepare(scope) {
  for (const frame of all("iframe", scope)) {
    frame.addEventListener("load", () => watch(frame));
    if (frame.contentDocument?.readyState === "complete") watch(frame);
    rooms.observe(frame.parentElement);
  }
  all("[data-handle]", scope).forEach(handle);
  measureCuts(scope);
  all("[data-name]", scope).forEach((field) => { field.value = localStorage.getItem("studio.name") ?? ""; });
  all("[data-png]", scope).forEach((button) => { button.hidden = false; });
  // Where a chart is wider than its place, its last bar is what is new.
  all(".drawing", scope).forEach((place) => {
    const last = all(".chart > rect", place).at(-1);
    const beyond = last ? last.getBoundingClientRect().right - place.getBoundingClientRect().right : 0;
    if (beyond > 0) place.scrollLeft += beyond + 24;
  });
  all("[data-unseen]", scope).forEach(countUnseen);
  markFindings();
  lookThrough();
}

let counted = 0;

/** Tell beside the findings which branches nobody sees; what was told before stays until that is counted. */
async function countUnseen(place) {
  const turn = ++counted;
  try {
    const answer = await fetch(place.dataset.unseen);
    const told = parser.parseFromString(answer.ok ? await answer.text() : "", "text/html").body;
    if (turn !== counted) return;
    place.replaceChildren(...told.children);
    markFindings();
  } catch {
    // the studio was stopped; when it is back, the page is asked for again
  }
}

let looking = false;

/** Fill in, one after the other, what the checks find in the issues of the list, where it is not known yet. */
async function lookThrough() {
  if (looking) return;
  looking = true;
  try {
    for (let place = one("[data-findings]"); place; place = one("[data-findings]")) {
      const answer = await fetch(place.dataset.findings);
      const told = parser.parseFromString(answer.ok ? await answer.text() : "?", "text/html").body;
      place.replaceWith(...told.childNodes);
    }
  } catch {
    // the studio was stopped; when it is back, the page is asked for again
  } finally {
    looking = false;
  }
}

/** What is to be done when a frame has loaded that is still out of sight, or will never load. */
const arrivals = new WeakMap();

function arrived(frame) {
  const done = arrivals.get(frame);
  arrivals.delete(frame);
  done?.();
}

/** Exchange a part of the page; frames that were loading in it will not be waited for. */
function replace(old, part) {
  const lost = all("iframe.coming", old);
  old.replaceWith(part);
  lost.forEach(arrived);
}

/** Load the new document of a frame out of sight, and exchange the two when it is there; another one may come first. */
function exchange(frame, source, title, done = () => {}) {
  const other = one("iframe.coming", frame.parentElement);
  other?.remove();
  arrived(other);
  if (sourceOf(frame) === source) { done(); return; }
  const next = frame.cloneNode();
  delete next.dataset.source;
  next.src = source;
  next.title = title;
  next.classList.add("coming");
  arrivals.set(next, done);
  next.addEventListener("load", () => {
    next.classList.remove("coming");
    frame.remove();
    watch(next);
    arrived(next);
  }, { once: true });
  frame.after(next);
}

const frames = (part) => all("iframe:not(.coming)", part);

/** The frames of the page as they are after a change, before all else; then what is around them. */
function refreshFrames(begun, then) {
  const turn = ++changes;
  const end = () => { changing = false; then(); };
  const shown = all("main iframe:not(.coming)").filter((frame) => /\/frame\?/.test(frame.getAttribute("src")));
  changing = true;
  if (!shown.length) { end(); return; }
  let waiting = shown.length;
  const there = () => {
    waiting -= 1;
    // Whatever came in between, a later change tells of all that is new.
    if (!waiting) painted(() => { if (turn === changes) { took(performance.now() - begun); end(); } });
  };
  const anew = (address) => address.replace(/([?&])v=[^&]*/, `$1v=${Math.round(begun)}`);
  const asked = new Map(); // frames that show the same ask for it once
  for (const frame of shown) {
    const screen = frame.parentElement, source = anew(sourceOf(frame));
    if (!asked.has(source)) asked.set(source, fetched(source));
    // What came meanwhile, or is coming, may be older than this change, or of another look.
    const load = () => {
      const now = one("iframe:not(.coming)", screen), last = one("iframe.coming", screen) ?? now;
      if (screen.isConnected && now) exchange(now, anew(sourceOf(last)), last.title, there);
      else there();
    };
    asked.get(source).then((html) => {
      if (frame.isConnected && turn < (turns.get(frame) ?? 0)) there();
      else if (html && frame.isConnected && !one("iframe.coming", screen) && rewrite(frame, html)) {
        turns.set(frame, turn);
        frame.dataset.source = source;
        fit(frame);
        there();
      } else load();
    }).catch(load); // a browser that lets nobody write into it
  }
}

/** What an address is answered with, or nothing. */
async function fetched(address) {
  try {
    const answer = await fetch(address);
    return answer.ok ? await answer.text() : "";
  } catch {
    return ""; // the studio was stopped
  }
}

/* ---- a mail that changed a little, written into the frame that shows it: no document has to be loaded ---- */

/** The address of what a frame shows, which may be newer than the one that it was loaded from. */
const sourceOf = (frame) => frame.dataset.source ?? frame.getAttribute("src");

/** The number of the last change that was written into a frame. */
const turns = new WeakMap();

/** Elements that only say something. All others load or do something, or tell how the document is to be read. */
const SAYING = "a, abbr, b, blockquote, br, cite, code, del, div, em, h1, h2, h3, h4, h5, h6, hr, i, ins, kbd, li, mark, ol, p, pre, q, s, small, span, strong, sub, sup, table, tbody, td, tfoot, th, thead, title, tr, u, ul";

/** Make the document of a frame the one of *html*; false if it has to be loaded for that. */
function rewrite(frame, html) {
  const inner = frame.contentDocument;
  if (inner?.readyState !== "complete" || !inner.body) return false;
  const fresh = parsed(frame, html);
  forgetLines(inner);
  if (inner.compatMode !== fresh.compatMode || !alike(inner.documentElement, fresh.documentElement)) return false;
  const found = differences(inner.documentElement, fresh.documentElement);
  if (!found.every(({ parent, gone, come }) => parent.matches(`${SAYING}, body`) && [...gone, ...come].every(harmless))) return false;
  for (const { parent, gone, come, before } of found) {
    come.forEach((node) => parent.insertBefore(inner.importNode(node, true), before));
    gone.forEach((node) => node.remove());
  }
  return inner.documentElement.isEqualNode(fresh.documentElement);
}

/** A document as a frame would have it: read under the policy of the mail, not that of the studio. */
function parsed(frame, html) {
  return new frame.contentWindow.DOMParser().parseFromString(html, "text/html");
}

/** Where the children of two elements differ, as deep as can be: what goes and what comes *before* something. */
function differences(old, next) {
  const [here, there] = [old, next].map((element) => [...element.childNodes]);
  const least = Math.min(here.length, there.length);
  let [start, end] = [0, 0];
  while (start < least && here[start].isEqualNode(there[start])) start += 1;
  while (end < least - start && here.at(-1 - end).isEqualNode(there.at(-1 - end))) end += 1;
  const [gone, come] = [here, there].map((nodes) => nodes.slice(start, nodes.length - end));
  if (gone.length !== come.length) return [{ parent: old, gone, come, before: gone[0] ?? here[start] ?? null }];
  return gone.flatMap((node, index) => {
    if (node.isEqualNode(come[index])) return [];
    return alike(node, come[index]) ? differences(node, come[index]) : [{ parent: old, gone: [node], come: [come[index]], before: node }];
  });
}

/** Whether two nodes are elements that are the same but for what is in them. */
function alike(one, other) {
  return one.nodeType === Node.ELEMENT_NODE && one.cloneNode(false).isEqualNode(other.cloneNode(false));
}

function harmless(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return true;
  return [node, ...all("*", node)].every((element) => element.matches(SAYING)
    && [...element.attributes].every(({ name, value }) => !/^on|^background$/i.test(name) && !/url\(/i.test(value)));
}

function painted(then) {
  requestAnimationFrame(() => requestAnimationFrame(then));
}

/** How long opening the page took, until its frames were painted. */
addEventListener("load", () => painted(() => {
  const place = one("[data-took]");
  if (!place || place.dataset.at || !one("main iframe")) return;
  place.hidden = false;
  place.textContent = `opened in ${seconds(performance.now())}`;
}));

/** Milliseconds, as people say them. */
function seconds(milliseconds) {
  return `${Math.max(milliseconds / 1000, 0.1).toFixed(1)} s`;
}

function took(milliseconds) {
  const place = one("[data-took]");
  if (!place) return;
  place.hidden = false;
  place.dataset.at = performance.timeOrigin + performance.now();
  place.textContent = `updated in ${seconds(milliseconds)}`;
}

/* ---- exchanging parts of the page ---- */

function same(source, other) {
  const plain = (text) => text.replace(/[?&]v=[^&]*/, "");
  return plain(source) === plain(other);
}

function adoptStage(old, part, fresh) {
  const [before, after] = [frames(old), frames(part)];
  const alike = before.length > 0 && before.map((f) => f.dataset.frame).join() === after.map((f) => f.dataset.frame).join()
    && !one(".diff, .figures, .pairing", part);
  if (!alike) {
    replace(old, part);
    prepare(part);
    return;
  }
  old.className = part.className;
  all(".device", old).forEach((device, index) => {
    const next = all(".device", part)[index];
    if (next.dataset.logical) device.dataset.logical = next.dataset.logical; else { delete device.dataset.logical; device.style.width = ""; }
    one("figcaption", device).firstChild.textContent = one("figcaption", next).firstChild.textContent;
  });
  before.forEach((frame, index) => {
    const source = after[index].getAttribute("src");
    if (fresh && same(sourceOf(one("iframe.coming", frame.parentElement) ?? frame), source)) return;
    exchange(frame, source, after[index].title);
    fit(frame);
  });
}

function adopt(old, part, fresh) {
  if (old.dataset.part === "stage") {
    adoptStage(old, part, fresh);
  } else if (part.dataset.unseen) {
    old.dataset.unseen = part.dataset.unseen;
    countUnseen(old);
  } else if (one("iframe", part) && one("iframe", old) && one("table", old)?.textContent === one("table", part)?.textContent) {
    // The same frame, about the same figures: to load it again would only flicker.
  } else if (!old.isEqualNode(part)) {
    const open = all("details", old).map((details) => details.open);
    all("details", part).forEach((details, index) => { details.open ||= open[index] ?? false; });
    const typed = new Map(all("textarea, input:not([type=hidden], [type=search])", old).map((field) => [field.id, field.value]));
    const scrolled = all("[tabindex]", old).map((box) => box.scrollTop);
    replace(old, part);
    all("textarea, input:not([type=hidden], [type=search])", part).forEach((field) => {
      if (!fresh && one("[data-said].good")) return;
      if (field.id && typed.get(field.id) && !field.readOnly) field.value = typed.get(field.id);
    });
    all("[tabindex]", part).forEach((box, index) => { box.scrollTop = scrolled[index] ?? 0; });
    prepare(part);
  }
}

/** What a form answered stays while the edition does: the review that it wrote is itself a change of a file. */
function keepSaid(page) {
  const digest = (root) => one("[data-digest]", root)?.dataset.digest;
  if (digest(document) === digest(page)) putSaid(page, one("[data-said]"));
}

function putSaid(page, said) {
  if (said) one('[data-part="trouble"]', page)?.prepend(said.cloneNode(true));
}

/** Put a page in place of the one that is shown, part by part where it has the same. */
function take(page, fresh) {
  const [old, parts] = [document, page].map((root) => all("[data-part]", root));
  if (old.map((part) => part.dataset.part).join() !== parts.map((part) => part.dataset.part).join()) {
    replace(one("main"), one("main", page));
    prepare(one("main"));
  } else {
    const focused = focus();
    old.forEach((part, index) => adopt(part, parts[index], fresh));
    focused();
  }
  document.title = page.title;
  follow();
}

/** What a form answered, to be shown with the next page, whichever is the newest when it comes. */
let owed = null;

/** Show what the server has for an address, in place. */
async function show(address, fresh = false) {
  const turn = ++asked;
  let text;
  coming += 1;
  try {
    const answer = await fetch(address, { headers: { accept: "text/html" } });
    text = await answer.text();
  } catch {
    return; // the studio was stopped; the stream of events says so, and when it is back
  } finally {
    coming -= 1;
  }
  if (turn !== asked) return;
  const page = parser.parseFromString(text, "text/html");
  if (owed) putSaid(page, owed);
  else if (fresh) keepSaid(page);
  fresh &&= !owed;
  take(page, fresh);
  owed = null;
}

/** Hand a form in, and show the page that it is answered with, unless that is older than what is shown or to come. */
async function handIn(form) {
  if (form.dataset.handedIn) return;
  form.dataset.handedIn = "yes";
  const before = asked;
  let page;
  try {
    const answer = await fetch(form.getAttribute("action"), { method: "POST", body: new URLSearchParams(new FormData(form)) });
    page = parser.parseFromString(await answer.text(), "text/html");
    if (answer.ok) form.closest("details")?.removeAttribute("open");
  } catch {
    one("[data-said]")?.remove();
    putSaid(document, parser.parseFromString('<p class="said bad" role="alert" data-said>The studio does not answer; look whether it still runs, and what it has done, before you do this again.</p>', "text/html").body.firstChild);
    one("[data-said]")?.scrollIntoView({ block: "nearest" });
    return;
  } finally {
    delete form.dataset.handedIn;
  }
  if (asked === before && !coming && !changing) take(page, false);
  else {
    owed = one("[data-said]", page);
    await show(here());
  }
  one("[data-said]")?.scrollIntoView({ block: "nearest" });
}

/** Remember what has the focus, and give it back to its successor. */
function focus() {
  const active = document.activeElement;
  const key = active?.dataset?.key ?? null;
  const name = active?.id ?? "";
  const [start, typed] = [active?.selectionStart, active?.value];
  return () => {
    if ((key === null && !name) || document.activeElement === active) return;
    const next = key !== null ? one(`[data-key="${CSS.escape(key)}"]`) : document.getElementById(name);
    next?.focus({ preventScroll: true });
    if (next && typed !== undefined && typeof start === "number") {
      next.value = typed;
      next.setSelectionRange?.(start, start);
    }
  };
}

function go(address) {
  history.pushState(null, "", address);
  show(address);
}

const here = () => location.pathname + location.search;

/* ---- a line of the issue: in the source, in the mail, in the editor ---- */

let line = 0;

/** Let the elements of a frame bear their lines. Asked for when first needed: what is typed is shown sooner. */
function knowLines(frame) {
  const inner = frame.contentDocument;
  const asking = inner.studioLines ??= (async () => {
    const address = new URL(sourceOf(frame), location.href);
    address.searchParams.set("lines", "on");
    const html = await fetched(address);
    if (!html || inner.studioLines !== asking) return;
    const told = all("*", parsed(frame, html));
    const ours = all("*", inner);
    if (told.length !== ours.length) return; // the issue changed meanwhile: another document is on its way
    told.forEach((element, index) => { if (element.dataset?.line) ours[index].dataset.line = element.dataset.line; });
  })();
  return asking;
}

/** Take from a document what the studio put into it, so that it is the mail and nothing else. */
function forgetLines(inner) {
  delete inner.studioLines;
  all("[data-studio-shown]", inner).forEach(plain);
  all("[data-line]", inner).forEach((element) => { delete element.dataset.line; });
}

/** Take the outline from the element that was shown. */
function plain(element) {
  element.style.outline = "";
  element.style.outlineOffset = "";
  delete element.dataset.studioShown;
}

function nearest(root, wanted) {
  let best = null;
  for (const element of all("[data-line]", root)) {
    const at = Number(element.dataset.line);
    if (at <= wanted && (!best || at > Number(best.dataset.line))) best = element;
  }
  return best;
}

function reveal(wanted, { scroll = true } = {}) {
  line = wanted;
  all(".source .marked").forEach((item) => item.classList.remove("marked"));
  const item = document.getElementById(`line-${wanted}`);
  if (item) {
    item.classList.add("marked");
    item.parentElement.scrollTop = item.offsetTop - item.parentElement.offsetTop - item.parentElement.clientHeight / 3;
  }
  const field = one("[data-comment-line]");
  if (field) field.value = wanted;
  const editor = one("[data-editor]");
  if (editor) editor.href = editor.dataset.editor.replace("987654321", wanted);
  const number = one("[data-editor-line]");
  if (number) number.value = wanted;
  all(".stage iframe:not(.coming)").forEach(async (frame, index) => {
    const inner = frame.contentDocument;
    if (!inner?.body) return;
    await knowLines(frame);
    if (line !== wanted) return; // another was asked for since
    all("[data-studio-shown]", inner).forEach(plain);
    const place = nearest(inner, wanted);
    if (!place) return;
    place.dataset.studioShown = "";
    place.style.outline = "3px solid #b3541e";
    place.style.outlineOffset = "4px";
    if (scroll && index === 0) {
      const top = frame.getBoundingClientRect().top + place.getBoundingClientRect().top * scaleOf(frame) + scrollY;
      scrollTo({ top: Math.max(top - innerHeight / 3, 0) });
    }
  });
}

function markFindings() {
  all("[data-finding]").forEach((link) => document.getElementById(`line-${link.dataset.lineLink}`)?.classList.add("finding"));
}

function nextFinding(step) {
  const links = all("[data-finding]");
  if (!links.length) return;
  const now = links.findIndex((link) => link.closest("li").classList.contains("chosen"));
  const next = links[(now + step + links.length) % links.length];
  links.forEach((link) => link.closest("li").classList.toggle("chosen", link === next));
  next.closest("li").scrollIntoView({ block: "nearest" });
  reveal(Number(next.dataset.lineLink));
}

/* ---- the width of a frame, by hand and by key ---- */

function handle(bar) {
  const device = bar.closest(".device");
  const set = (width, remember = true) => {
    const wide = Math.min(Math.max(Math.round(width), 240), 2000);
    device.dataset.logical = wide;
    bar.setAttribute("aria-valuenow", wide);
    fit(one("iframe:not(.coming)", device));
    if (!remember) return;
    const address = new URL(location.href);
    address.searchParams.set("width", wide);
    history.replaceState(null, "", address);
  };
  const width = () => Number(device.dataset.logical || one(".screen", device).clientWidth);
  bar.addEventListener("pointerdown", (event) => {
    const [from, before] = [event.clientX, width()];
    bar.setPointerCapture(event.pointerId);
    device.classList.add("dragging");
    // The stage is centred: what is drawn at one side is added at both.
    const move = (moved) => set(before + 2 * (moved.clientX - from), false);
    bar.addEventListener("pointermove", move);
    bar.addEventListener("pointerup", () => {
      bar.removeEventListener("pointermove", move);
      device.classList.remove("dragging");
      set(width());
    }, { once: true });
  });
  bar.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -10, ArrowRight: 10, PageDown: -100, PageUp: 100 };
    if (event.key in steps) set(width() + steps[event.key] / (event.shiftKey ? 10 : 1));
    else if (event.key === "Home") set(320);
    else if (event.key === "End") set(1024);
    else return;
    event.preventDefault();
  });
}

/* ---- what an inbox cuts off, measured in this machine's fonts ---- */

const pen = document.createElement("canvas").getContext("2d");

function shownLetters(box) {
  const style = getComputedStyle(box);
  pen.font = `${style.fontStyle} ${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
  const text = box.textContent.trim();
  const lines = Number(style.webkitLineClamp) || 1;
  const room = box.clientWidth * lines - pen.measureText("…").width - (lines - 1) * 24;
  if (pen.measureText(text).width <= box.clientWidth * lines) return text.length;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (pen.measureText(text.slice(0, middle)).width <= room) low = middle; else high = middle - 1;
  }
  return low;
}

/** Text that is made smaller than this part of its size can hardly be read. */
const SMALLEST = 0.7;

function measureCuts(scope) {
  for (const client of all(".client", scope)) {
    const [scroller, row] = [".scroller", ".row"].map((name) => one(name, client));
    row.style.zoom = "";
    const told = all("[data-cut]", client).map((box) => {
      const [shown, whole] = [shownLetters(box), box.textContent.trim().length];
      return shown < whole ? `${box.dataset.cut} cut after ${shown} of ${whole} characters` : `whole ${box.dataset.cut}`;
    });
    const note = one("[data-cut-note]", client);
    // A row that nearly has room is made a little smaller, so that its end is seen; others are scrolled.
    const scale = scroller.clientWidth / row.offsetWidth;
    if (scale < 1 && scale >= SMALLEST) row.style.zoom = scale;
    if (note) note.textContent = `${told.join("; ")}${row.style.zoom ? `; shown at ${Math.floor(scale * 100)} %` : ""}.`;
  }
}

/* ---- forms and links ---- */

document.addEventListener("click", (event) => {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const pin = event.target.closest?.("[data-line-link]");
  if (pin && one(".stage.both, .stage.phone, .stage.desktop")) {
    event.preventDefault();
    all(".findings li").forEach((item) => item.classList.toggle("chosen", item === pin.closest("li")));
    reveal(Number(pin.dataset.lineLink));
    return;
  }
  const source = event.target.closest?.(".source li");
  if (source) { reveal(Number(source.id.replace("line-", ""))); return; }
  if (event.target.closest?.("[data-png]")) { savePng(event.target.closest(".plot")); return; }
  const link = event.target.closest?.("a[data-look]");
  if (!link) return;
  event.preventDefault();
  go(link.getAttribute("href"));
});

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (form.matches("[data-search]")) {
    event.preventDefault();
    go(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`);
  } else if (form.matches("[data-act]")) {
    event.preventDefault();
    const name = one("[name=by]", form);
    if (name && !name.value) name.value = localStorage.getItem("studio.name") || "Somebody";
    if (name && name.type !== "hidden") localStorage.setItem("studio.name", name.value);
    await handIn(form);
  }
});

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) event.target.form.requestSubmit();
  if (event.target.matches("[data-name]")) localStorage.setItem("studio.name", event.target.value);
});

/* ---- keys, the palette, and their list ---- */

function act(target) {
  if (target.matches("summary")) {
    const details = target.parentElement;
    details.open = true;
    details.scrollIntoView({ block: "nearest" });
    one("input:not([type=hidden]), textarea, button", details)?.focus();
  } else if (target.matches("a, button")) target.click();
  else target.focus();
}

const MORE = [
  ["n", "Next finding", () => nextFinding(1)],
  ["N", "Finding before", () => nextFinding(-1)],
  ["[", "Reader before", () => turn(-1)],
  ["]", "Next reader", () => turn(1)],
];

function turn(step) {
  const links = all("[data-reader]");
  if (!links.length) return;
  const now = links.findIndex((link) => link.hasAttribute("aria-current"));
  links[(now + step + links.length) % links.length].click();
}

function pressed(event) {
  if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openPalette();
    return;
  }
  if (event.key === "Escape" && event.target.matches?.("input, select, textarea")) event.target.blur();
  if (event.metaKey || event.ctrlKey || event.altKey || event.target.closest?.("input, select, textarea, dialog")) return;
  const more = MORE.find(([key]) => key === event.key);
  const target = one(`[data-key="${CSS.escape(event.key)}"]`);
  if (!more && !target) return;
  event.preventDefault();
  more ? more[2]() : act(target);
}

document.addEventListener("keydown", pressed);

function actions() {
  const named = all("[data-label]").filter((element) => element.localName !== "td");
  const found = named.map((element) => ({ text: element.dataset.label, key: element.dataset.key ?? "", run: () => act(element) }));
  if (one("[data-finding]")) found.push(...MORE.slice(0, 2).map(([key, text, run]) => ({ text, key, run })));
  if (one("[data-reader]")) found.push(...MORE.slice(2).map(([key, text, run]) => ({ text, key, run })));
  return found;
}

function issues() {
  const kept = one("[data-palette-issues]");
  return kept ? all("a", kept.content).map((link) => ({ text: link.textContent.trim().replace(/\s+/g, " "), key: "", kind: "issue", run: () => { location.href = link.getAttribute("href"); } })) : [];
}

const palette = one("[data-palette]");
let choices = [];
let chosen = 0;

function openPalette() {
  if (palette.open) return;
  one("[data-palette-input]").value = "";
  palette.showModal();
  offer();
}

function matches(text, words) {
  const low = text.toLowerCase();
  return words.every((word) => low.includes(word));
}

function offer() {
  const words = one("[data-palette-input]").value.toLowerCase().split(/\s+/).filter(Boolean);
  choices = [...issues(), ...actions()].filter(({ text }) => matches(text, words)).slice(0, 40);
  chosen = 0;
  const list = one("[data-palette-list]");
  list.replaceChildren(...choices.map(({ text, key, kind }, index) => {
    const item = document.createElement("li");
    item.role = "option";
    item.id = `choice-${index}`;
    item.append(text);
    const note = document.createElement(key ? "kbd" : "small");
    note.textContent = key || kind || "";
    item.append(note);
    item.addEventListener("click", () => choose(index));
    return item;
  }));
  select(0);
}

function select(index) {
  chosen = choices.length ? (index + choices.length) % choices.length : 0;
  all("li", one("[data-palette-list]")).forEach((item, at) => {
    item.ariaSelected = String(at === chosen);
    if (at === chosen) item.scrollIntoView({ block: "nearest" });
  });
  one("[data-palette-input]").setAttribute("aria-activedescendant", choices.length ? `choice-${chosen}` : "");
}

function choose(index) {
  palette.close();
  choices[index]?.run();
}

one("[data-palette-input]").addEventListener("input", offer);
one("[data-palette-input]").addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown") select(chosen + 1);
  else if (event.key === "ArrowUp") select(chosen - 1);
  else if (event.key === "Enter") choose(chosen);
  else if (event.key === "Escape") palette.close();
  else return;
  event.preventDefault();
});
palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });

function openHelp() {
  const rows = actions().filter(({ key }) => key).map(({ text, key }) => [key, text]);
  rows.push(["Ctrl k", "Search and commands"], ["Esc", "Leave a field"], ["← →", "Width of the frame, on its handle"]);
  one("[data-help-list]").replaceChildren(...rows.map(([key, text]) => {
    const row = document.createElement("div");
    const [term, told, mark] = ["dt", "dd", "kbd"].map((name) => document.createElement(name));
    mark.textContent = key;
    term.append(mark);
    told.textContent = text;
    row.append(term, told);
    return row;
  }));
  one("[data-help]").showModal();
}

for (const [selector, open] of [["[data-palette-open]", openPalette], ["[data-help-open]", openHelp]]) {
  const button = one(selector);
  if (!button) continue;
  button.hidden = false;
  button.addEventListener("click", open);
}

/* ---- charts as pictures ---- */

/** A text of a picture, in the letters of the chart. */
function lettering(x, y, text, more = {}) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", "text");
  for (const [name, value] of Object.entries({ x, y, ...more })) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}

/** A copy of a chart that says alone what the page says around it: its title above, its legend below. */
function captioned(plot) {
  const svg = one("svg.chart", plot).cloneNode(true);
  const [width, height] = ["width", "height"].map((name) => Number(svg.getAttribute(name)));
  svg.append(lettering(0, -18, one("figcaption", plot).textContent, { "font-size": 15, "font-weight": 600 }));
  pen.font = "11px system-ui, sans-serif";
  let [x, y] = [0, height + 18];
  for (const item of all(".legend li", plot)) {
    const told = item.textContent.trim().replace(/\s+/g, " ");
    const wide = 14 + 6 + pen.measureText(told).width + 24;
    if (x && x + wide > width) [x, y] = [0, y + 22];
    const key = one("rect", item).cloneNode(true);
    key.setAttribute("x", x + 0.5);
    key.setAttribute("y", y - 10.5);
    svg.append(key, lettering(x + 20, y, told));
    x += wide;
  }
  const [margin, top] = [16, 48];
  const [wide, high] = [width + 2 * margin, y + 16 + top];
  svg.setAttribute("viewBox", `${-margin} ${-top} ${wide} ${high}`);
  svg.setAttribute("width", wide);
  svg.setAttribute("height", high);
  return svg;
}

function savePng(plot) {
  const svg = captioned(plot);
  const style = getComputedStyle(plot);
  svg.setAttribute("color", getComputedStyle(one("svg.chart", plot)).color);
  const picture = new Image();
  picture.addEventListener("load", () => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [svg.getAttribute("width") * 2, svg.getAttribute("height") * 2];
    const brush = canvas.getContext("2d");
    brush.fillStyle = style.backgroundColor;
    brush.fillRect(0, 0, canvas.width, canvas.height);
    brush.drawImage(picture, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${plot.dataset.chart}.png`;
      link.click();
      URL.revokeObjectURL(link.href);
    });
  });
  picture.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(svg))}`;
}

/* ---- what changes by itself ---- */

addEventListener("resize", () => measureCuts(document));
addEventListener("popstate", () => show(here()));

function say(state, text) {
  const pulse = one("[data-pulse]");
  pulse.classList.remove("live", "lost");
  pulse.classList.add(state);
  one("[data-pulse-text]", pulse).textContent = text;
}

function listen() {
  let lost = false;
  const events = new EventSource("/events");
  events.addEventListener("hello", () => {
    say("live", "Watching for changes");
    if (lost) show(here());
    lost = false;
  });
  events.addEventListener("change", () => {
    refreshFrames(performance.now(), () => show(here(), true));
  });
  events.addEventListener("error", () => {
    lost = true;
    say("lost", "The studio was stopped");
  });
}

// Whoever is not signed in has nothing to be told.
if (one("[data-pulse]")) listen();

let ledger = null;

/** Listen to the ledger as long as the page is about a dispatch that goes on. */
function follow() {
  const address = one("[data-live]")?.dataset.live;
  if (!address) { ledger?.close(); ledger = null; return; }
  if (ledger) return;
  ledger = new EventSource(address);
  ledger.addEventListener("change", () => show(here()));
  ledger.addEventListener("end", () => { ledger.close(); show(here()); });
}

prepare(document);
follow();
if (/^#line-\d+$/.test(location.hash)) setTimeout(() => reveal(Number(location.hash.slice(6))), 300);
