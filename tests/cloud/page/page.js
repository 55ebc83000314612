// The page's script: it shows what has changed, and sends what is to be done. Every HTML in it was made, and escaped, by the server.
"use strict";

const EVERY = 1000; // ms between two looks
const PATIENCE = 90_000; // ms until an event on its way is given up
const byId = (id) => document.getElementById(id);
let untouched = null; // base64 of a chosen event that is no text, and so cannot be edited here
let choosing = Promise.resolve(); // until the event that was chosen last is there

async function ask(method, route, body) {
  const answer = await fetch(route, { method, body: body === undefined ? undefined : JSON.stringify(body) });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.error);
  return said;
}

// --- what changes ----------------------------------------------------------------------------------------------------

function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

// What somebody has opened stays open, and what has the focus keeps it, though its row has changed.
function keep(before, after) {
  const opened = [...after.querySelectorAll("details")];
  before.querySelectorAll("details").forEach((each, i) => {
    if (each.open && opened[i]) opened[i].open = true;
  });
  const focused = before.contains(document.activeElement) && document.activeElement.dataset.do;
  return () => focused && after.querySelector(`[data-do="${focused}"]`)?.focus();
}

function show(place, rows) {
  const before = new Map([...place.children].map((row) => [row.dataset.key, row]));
  const after = rows.map(([key, mark, html]) => {
    const row = before.get(key);
    before.delete(key);
    if (row && row.dataset.mark === mark) return row;
    const next = made(html);
    if (row) {
      const focus = keep(row, next);
      row.replaceWith(next);
      focus();
    } else {
      next.dataset.new = "";
    }
    return next;
  });
  before.forEach((row) => row.remove());
  after.forEach((row, i) => {
    if (place.children[i] !== row) place.insertBefore(row, place.children[i] ?? null);
  });
}

async function look() {
  const state = byId("state");
  try {
    const seen = await ask("GET", "page/live");
    byId("clock").replaceChildren(made(seen.clock));
    for (const [id, { count, rows }] of Object.entries(seen.sections)) {
      show(document.querySelector(`[data-rows="${id}"]`), rows);
      document.querySelector(`[data-count="${id}"]`).textContent = count;
    }
    if (state.classList.replace("lost", "found") || !state.textContent) state.textContent = "live";
  } catch {
    state.classList.remove("found");
    state.classList.add("lost");
    state.textContent = "it does not answer: is it still running?";
  }
}

async function live() {
  if (!document.hidden) await look();
  setTimeout(live, EVERY);
}

// --- what can be done ------------------------------------------------------------------------------------------------

async function choose(file) {
  const body = byId("body");
  const { text, base64, to } = file ? await ask("POST", "page/event", { file }) : { text: "", to: byId("to").value };
  if (byId("file").value !== file) return; // another one was chosen meanwhile
  untouched = base64 ?? null;
  body.readOnly = text === null;
  body.value = text ?? atob(base64);
  byId("note").hidden = text !== null;
  byId("note").textContent = text === null ? "It is no UTF-8, so it is sent as it is." : "";
  if (to) byId("to").value = to;
}

async function send(form) {
  await choosing;
  const event = untouched ? { base64: untouched } : { body: form.body.value };
  const sent = await ask("POST", "send", { ...event, to: form.to.value, file: form.file.value });
  const end = Date.now() + PATIENCE;
  byId("way").dataset.id = sent.id;
  while (Date.now() < end && byId("way").dataset.id === sent.id) {
    const { html, done } = await ask("POST", "page/way", sent);
    byId("way").replaceChildren(made(html));
    look();
    if (done) return;
    await new Promise((resolve) => setTimeout(resolve, EVERY / 3));
  }
}

const go = (instanceId, ...states) => ask("POST", "instances", { instanceId, states });

const tags = ({ elements }) => ({ port: elements.port.value.trim(), name: elements.backend.value.trim() });

const ACTIONS = {
  send,
  hour: () => ask("POST", "clock", { advance: 3600 }),
  timer: ({ dataset }) => ask("POST", "timers", { triggerName: dataset.of }),
  start: ({ dataset }) => go(dataset.of, "Starting", "Running"),
  stop: ({ dataset }) => go(dataset.of, "Stopping", "Stopped"),
  delete: ({ dataset }) => go(dataset.of, "Deleted"),
  tag: (form) => ask("POST", "page/tag", { instanceId: form.dataset.of, ...tags(form) }),
  new: (form) => ask("POST", "page/instance", { vpc: form.vpc.value, ...tags(form) }),
  faults: (form) => ask("PUT", "faults", JSON.parse(form.rules.value)),
  clear: () => ask("DELETE", "faults"),
};

function tell(error) {
  byId("problem").textContent = error.message;
  byId("problem").hidden = false;
  byId("problem").scrollIntoView({ block: "nearest" });
}

async function act(element, button) {
  byId("problem").hidden = true;
  button.disabled = true;
  try {
    await ACTIONS[element.dataset.do](element);
    await look();
  } catch (error) {
    tell(error);
  } finally {
    button.disabled = false;
    if (document.activeElement === document.body && button.isConnected) button.focus();
  }
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("button[data-do]");
  if (button) act(button, button);
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  act(event.target, event.submitter);
});

byId("file").addEventListener("change", ({ target }) => {
  choosing = choose(target.value).catch(tell);
});
byId("body").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form.requestSubmit();
});
document.addEventListener("visibilitychange", look);
byId("file").value = "ecs/running.json";
choosing = choose(byId("file").value).catch(tell);
live();
