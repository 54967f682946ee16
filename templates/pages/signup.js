// Lets a form for signing up prove that a browser is behind it, and answers in place where it stands on another page.
// Without this script the form works as well: one press more, and narrower limits.

// Finds the number that a challenge asks for (the format of ALTCHA's first version), a slice at a time.
async function solve({ algorithm, challenge, salt, maxnumber, signature }) {
  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const encoder = new TextEncoder();
  for (let start = 0; start <= maxnumber; start += 1000) {
    const numbers = Array.from({ length: Math.min(1000, maxnumber - start + 1) }, (_, i) => start + i);
    const hashes = await Promise.all(numbers.map((n) => crypto.subtle.digest(algorithm, encoder.encode(salt + n))));
    const found = hashes.findIndex((hash) => hex(hash) === challenge);
    if (found >= 0) return btoa(JSON.stringify({ algorithm, challenge, number: numbers[found], salt, signature }));
  }
  throw new Error("no number solves the challenge");
}

// Does the same beside the page, which stays at the reader's hand; within it where no worker may be had.
function solveAside(challenge) {
  let worker;
  return new Promise((resolve, reject) => {
    worker = startWorker();
    worker.onmessage = ({ data }) => (data ? resolve(data) : reject());
    worker.onerror = reject;
    worker.postMessage(challenge);
  }).catch(() => solve(challenge)).finally(() => worker?.terminate());
}

// On our own pages this very file is the worker, as their policy allows. No other site may start one of our file.
function startWorker() {
  const here = new URL(import.meta.url);
  if (here.origin === location.origin) return new Worker(here, { type: "module" });
  return new Worker(URL.createObjectURL(new Blob([`${solve}\n${work}\nwork();`], { type: "text/javascript" })));
}

function work() {
  onmessage = async ({ data }) => postMessage(await solve(data).catch(() => ""));
}

async function prove(form) {
  const address = new URL(form.dataset.challenge || form.action, form.action);
  if (!form.dataset.challenge) address.pathname += "/challenge";
  const response = await fetch(address, { credentials: "omit" });
  const challenge = await response.json();
  if (!challenge.challenge) return;
  const field = form.querySelector('input[name="altcha"]') || form.appendChild(document.createElement("input"));
  Object.assign(field, { type: "hidden", name: "altcha", value: await solveAside(challenge) });
}

async function answerInPlace(form) {
  const response = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: { accept: "application/json" },
    credentials: "omit",
  });
  if (response.status === 403) return form.submit(); // it goes on with one press more, on the newsletter's page
  const { done, message } = await response.json();
  let status = form.querySelector("[data-newsletter-status]");
  if (!status) {
    status = form.appendChild(document.createElement("p"));
    status.dataset.newsletterStatus = "";
  }
  status.setAttribute("role", "status");
  status.tabIndex = -1;
  status.textContent = message;
  if (done) form.reset();
  status.focus();
}

async function send(form) {
  const button = form.querySelector("button");
  const label = button?.textContent;
  form.dataset.newsletterBusy = "";
  button?.setAttribute("aria-disabled", "true");
  if (button && form.dataset.working) button.textContent = form.dataset.working;
  try {
    await prove(form);
    if (form.dataset.newsletterSignup === "page") form.submit();
    else await answerInPlace(form);
  } catch {
    form.submit(); // as it would have been without this script
  } finally {
    delete form.dataset.newsletterBusy;
    button?.removeAttribute("aria-disabled");
    if (button) button.textContent = label;
  }
}

if (typeof document === "undefined") work();
else
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!("newsletterSignup" in form.dataset)) return;
    event.preventDefault();
    if (!("newsletterBusy" in form.dataset)) send(form);
  });
