// Lets a form for signing up prove that a browser is behind it, and answers in place where it stands on another page.
// Without this script the form works as well: one press more, and narrower limits.

// Finds the number that a challenge asks for (the format of ALTCHA's first version), a slice at a time.
async function solve({ algorithm, challenge, salt, maxnumber, signature }) {
  const encoder = new TextEncoder();
  for (let start = 0; start <= maxnumber; start += 1000) {
    const numbers = Array.from({ length: Math.min(1000, maxnumber - start + 1) }, (_, i) => start + i);
    const hashes = await Promise.all(numbers.map((n) => crypto.subtle.digest(algorithm, encoder.encode(salt + n))));
    const found = hashes.findIndex((hash) => hex(hash) === challenge);
    if (found >= 0) return btoa(JSON.stringify({ algorithm, challenge, number: numbers[found], salt, signature }));
  }
  throw new Error("no number solves the challenge");
}

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

async function prove(form) {
  const address = new URL(form.dataset.challenge || form.action, form.action);
  if (!form.dataset.challenge) address.pathname += "/challenge";
  const response = await fetch(address, { credentials: "omit" });
  const challenge = await response.json();
  if (!challenge.challenge) return;
  const field = form.querySelector('input[name="altcha"]') || form.appendChild(document.createElement("input"));
  Object.assign(field, { type: "hidden", name: "altcha", value: await solve(challenge) });
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

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!("newsletterSignup" in form.dataset)) return;
  event.preventDefault();
  if (!("newsletterBusy" in form.dataset)) send(form);
});
