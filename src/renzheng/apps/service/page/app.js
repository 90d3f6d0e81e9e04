// The page: two sides, one verdict. What is on show always belongs to the pictures beside it.

import * as api from "./api.js";
import { byId, make, plain } from "./dom.js";
import { icon } from "./drawing.js";
import { language, number, preferred, speak, text, translate } from "./languages.js";
import * as options from "./options.js";
import { filesOf, Side } from "./pictures.js";
import { grounds, SIDES, shownOf } from "./result.js";
import { fmrSentence, inWords, reason, sentence } from "./wording.js";

const ATTEMPTS = 20; // while the server is busy
const WAIT = 3; // seconds, where a busy server does not say how long
const LONGEST_WORDS = 400; // of a foreign explanation

const sides = {};
let state = { kind: "idle" }; // idle, ready, busy, waiting, failed, cancelled or answered
let run = null; // the comparison under way; what another one brings is not shown
let keyIsWanted = false; // the server said so, and has not accepted one yet
let keyWasGiven = false;

// --- state ---------------------------------------------------------------------------------

/** The pictures or the options are others now: what was said of the old ones does not hold. */
function changed() {
  abandon();
  const roles = options.roles();
  for (const name of SIDES) {
    sides[name].role = roles[name];
    sides[name].show(null);
  }
  enter(bothThere() ? { kind: "ready" } : { kind: "idle" });
  if (bothThere() && byId("automatic").checked) compare(false);
}

const bothThere = () => SIDES.every((name) => sides[name].file !== null);

function abandon() {
  run?.controller.abort();
  run = null;
}

function enter(next) {
  state = next;
  render();
}

/** Compare what is there. `asked` is whether somebody pressed the button: then the focus moves. */
async function compare(asked) {
  if (!bothThere()) {
    say(explanation().words);
    sides[SIDES.find((name) => sides[name].file === null)].focus();
    return;
  }
  const chosen = options.read();
  if (chosen === null) {
    if (asked) options.showFault();
    return;
  }
  abandon();
  const mine = { controller: new AbortController() };
  run = mine;
  for (const name of SIDES) sides[name].show(null);
  enter({ kind: "busy" });
  say(text("state.busy"));
  const pictures = Object.fromEntries(SIDES.map((name) => [name, sides[name].file]));
  let outcome;
  try {
    outcome = await ask(mine, pictures, chosen);
  } catch (error) {
    if (run !== mine) return;
    console.info("renzheng:", error.message);
    outcome = { kind: "failed", problem: error instanceof api.Problem ? error : new api.Problem(200) };
  }
  if (run !== mine) return;
  run = null;
  if (outcome.kind === "answered") {
    try {
      present(outcome);
    } catch (error) {
      // An answer of another shape than this page knows must not leave a half-true page.
      console.info("renzheng:", error.message);
      outcome = { kind: "failed", problem: new api.Problem(200) };
      for (const name of SIDES) sides[name].show(null);
    }
  }
  enter(outcome);
  announce();
  bringIntoView(asked);
}

/** Ask until there is an answer, somebody gives a key, or there is no use in asking. */
async function ask(mine, pictures, chosen) {
  // Before the pictures are sent, where that is known: a server may hang up in their midst.
  if (keyIsWanted && !(await askForKey(mine))) throw new api.Problem(401);
  for (let attempt = 1; ; attempt += 1) {
    const start = performance.now();
    try {
      const answer = await api.verify(pictures, chosen, mine.controller.signal);
      return { kind: "answered", answer, roundTrip: performance.now() - start };
    } catch (error) {
      if (!(error instanceof api.Problem) || run !== mine) throw error;
      if (error.status === 401) {
        if (!(await askForKey(mine))) throw error;
      } else if (error.status === 503 && attempt < ATTEMPTS) await wait(mine, error.wait ?? WAIT);
      else throw error;
    }
    if (run !== mine) throw new api.Problem(0);
    enter({ kind: "busy" });
  }
}

/** Wait and count down; ends early when somebody wants it now, or when the comparison ends. */
function wait(mine, seconds) {
  say([sentence(text("state.waiting")), text("state.waiting.text")].join(text("sentence.gap")));
  return new Promise((done) => {
    const end = performance.now() + 1000 * seconds;
    const finish = () => {
      clearInterval(timer);
      done();
    };
    const tick = () => {
      if (run !== mine) return finish();
      const left = Math.ceil((end - performance.now()) / 1000);
      if (left <= 0) return finish();
      const counter = byId("countdown");
      if (counter) counter.textContent = text("state.waiting.count", { seconds: left });
    };
    const timer = setInterval(tick, 250);
    mine.controller.signal.addEventListener("abort", finish, { once: true });
    enter({ kind: "waiting", now: finish });
    tick();
  });
}

/** Ask for a key; false where nobody gives one. */
function askForKey(mine) {
  const dialog = byId("key-dialog");
  const field = byId("key");
  field.value = "";
  byId("key-problem").textContent = keyWasGiven ? text("key.wrong") : "";
  const before = document.activeElement;
  dialog.showModal();
  field.focus();
  return new Promise((done) => {
    const settled = new AbortController();
    const settle = (given) => {
      settled.abort();
      dialog.close();
      field.value = "";
      before?.focus?.();
      done(given);
    };
    const on = (target, event, act) =>
      target.addEventListener(event, act, { signal: settled.signal });
    on(byId("key-form"), "submit", (event) => {
      event.preventDefault();
      keyWasGiven = true;
      api.useKey(field.value.trim());
      keyIsWanted = false;
      settle(true);
      learnOffer();
    });
    on(byId("key-cancel"), "click", () => settle(false));
    on(dialog, "cancel", () => settle(false));
    on(mine.controller.signal, "abort", () => settle(false));
  });
}

async function learnOffer() {
  try {
    const offered = await api.offer();
    options.offer(offered);
    for (const name of SIDES) sides[name].most = offered.max_upload ?? null;
  } catch (error) {
    // The page works without: these options are then not offered.
    keyIsWanted = error.status === 401;
  }
}

// --- what is on show -----------------------------------------------------------------------

function render() {
  const { icon: sign, headline, words, original, tools } = explanation();
  const verdict = byId("verdict");
  const answer = state.kind === "answered" ? state.answer : null;
  verdict.dataset.state = answer === null ? state.kind : answer.decision;
  verdict.setAttribute("aria-busy", String(state.kind === "busy" || state.kind === "waiting"));
  byId("verdict-icon").replaceChildren(icon(sign));
  byId("headline").textContent = headline;
  byId("reason").replaceChildren(plain(words));
  byId("original").textContent = original ? plain(original) : "";
  byId("original").hidden = !original;
  const held = byId("verdict-tools").contains(document.activeElement);
  byId("verdict-tools").replaceChildren(...tools);
  if (held) (tools.find((tool) => tool.tagName === "BUTTON") ?? byId("headline")).focus();
  document.title = answer ? `${headline} · ${text("page.title")}` : text("page.title");
  figures(answer);
  byId("compare").disabled = !bothThere();
  byId("clear").disabled = SIDES.every((name) => sides[name].file === null);
  byId("exchange").disabled = byId("clear").disabled;
  byId("details").hidden = answer === null;
  if (answer === null) byId("details").replaceChildren();
}

/** Everything that an answer shows beside the verdict. */
function present({ answer, roundTrip }) {
  byId("details").replaceChildren(...grounds(answer, roundTrip));
  for (const name of SIDES) sides[name].show(shownOf(answer, name, sides[name].file.name));
}

function figures(answer) {
  const measured = answer !== null && answer.distance !== null;
  const none = answer === null ? "–" : text("figure.none");
  byId("distance").textContent = measured ? number(answer.distance, 4) : none;
  byId("similarity").textContent = measured ? number(answer.similarity, 4) : none;
  const fmr = measured ? answer.fmr : null;
  const key = fmr?.at_most ? "figure.fmr.at_most" : "figure.fmr.value";
  const blank = measured ? text("figure.fmr.none") : none;
  byId("fmr").textContent = fmr ? text(key, inWords(fmr)) : blank;
  byId("fmr-sentence").textContent = answer === null ? "" : fmrSentence(answer);
}

/** The verdict's icon, headline, words and buttons in this state. */
function explanation() {
  const none = { original: null, tools: [] };
  if (state.kind === "answered") {
    const { answer } = state;
    const told = reason(answer);
    const words = told.text ?? text(`advice.${answer.decision}`);
    const headline = text(`decision.${answer.decision}`);
    return { ...none, icon: answer.decision, headline, words, original: told.original };
  }
  if (state.kind === "failed") return { ...none, ...failure(state.problem) };
  const headline = text(`state.${state.kind}`);
  if (state.kind === "idle") {
    const missing = SIDES.filter((name) => sides[name].file === null);
    const words = text(`state.idle.${missing.length === 2 ? "both" : missing[0]}`);
    return { ...none, icon: "faces", headline, words };
  }
  const words = text(`state.${state.kind}.text`);
  if (state.kind === "ready") return { ...none, icon: "faces", headline, words };
  const cancel = button("run.cancel", () => {
    abandon();
    enter({ kind: "cancelled" });
    say(text("state.cancelled"));
    byId("compare").focus();
  });
  if (state.kind === "busy") return { ...none, icon: "faces", headline, words, tools: [cancel] };
  if (state.kind === "waiting") {
    const counter = make("span", { id: "countdown", class: "countdown", "aria-hidden": "true" });
    const tools = [button("run.now", state.now), cancel, counter];
    return { ...none, icon: "wait", headline, words, tools };
  }
  return { ...none, icon: "not_comparable", headline, words };
}

function failure(problem) {
  const keys = { 0: "network", 200: "answer", 401: "key", 403: "key", 408: "slow", 413: "large" };
  Object.assign(keys, { 415: "type", 422: "options", 400: "request", 503: "busy", 504: "slow" });
  const key = keys[problem.status] ?? "server";
  const words = text(`problem.${key}`, { status: problem.status });
  const remedy = problem.remedy === "" ? "" : ` (${problem.remedy})`;
  const said = `${problem.detail}${remedy}`.trim();
  return {
    icon: "failed",
    headline: text("state.failed"),
    words,
    original: said === "" ? null : said.slice(0, LONGEST_WORDS),
    tools: [button("run.again", () => compare(true))],
  };
}

function button(key, act) {
  const made = make("button", { type: "button" }, text(key));
  made.addEventListener("click", act);
  return made;
}

function bringIntoView(asked) {
  const headline = byId("headline");
  if (asked) headline.focus({ preventScroll: true });
  const { top, bottom } = headline.getBoundingClientRect();
  if (top >= 0 && bottom <= window.innerHeight) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  byId("verdict").scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

// --- speech --------------------------------------------------------------------------------

function say(words) {
  byId("announcement").textContent = "";
  requestAnimationFrame(() => {
    byId("announcement").textContent = words;
  });
}

function announce() {
  const { headline, words } = explanation();
  const rate = state.kind === "answered" ? fmrSentence(state.answer) : "";
  say([sentence(headline), words, rate].filter((each) => each !== "").join(text("sentence.gap")));
}

// --- wiring --------------------------------------------------------------------------------

/** Files beyond a side's first go to the other side, where it is empty. */
function extra(side, files) {
  const other = sides[SIDES.find((name) => sides[name] !== side)];
  if (other.file !== null) return false;
  other.put(files[0]);
  return files.length === 1;
}

function give(files) {
  const empty = SIDES.find((name) => sides[name].file === null);
  if (empty !== undefined) sides[empty].give(files);
  else say(text("side.full"));
}

function listen() {
  byId("compare").addEventListener("click", () => compare(true));
  byId("exchange").addEventListener("click", () => {
    const [first, second] = SIDES.map((name) => sides[name].file);
    sides.reference.put(second);
    sides.probe.put(first);
    say(text("pictures.exchanged"));
    changed();
  });
  byId("clear").addEventListener("click", () => {
    for (const name of SIDES) sides[name].put(null);
    changed();
    sides.reference.focus();
    say(text("pictures.cleared"));
  });
  byId("automatic").addEventListener("change", (event) => {
    if (event.target.checked && state.kind === "ready") compare(false);
  });
  byId("show-marks").addEventListener("change", (event) => {
    document.body.classList.toggle("unmarked", !event.target.checked);
  });
  options.watch(changed);
  listenToFiles();
  for (const each of document.querySelectorAll("[data-language]"))
    each.addEventListener("click", () => switchTo(each.dataset.language, true));
}

function listenToFiles() {
  const dragging = (on) => document.documentElement.classList.toggle("dragging", on);
  const withFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
  document.addEventListener("dragover", (event) => {
    if (!withFiles(event)) return;
    event.preventDefault(); // else the browser would leave the page for the picture
    event.dataTransfer.dropEffect = "copy";
    dragging(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) dragging(false);
  });
  document.addEventListener("drop", (event) => {
    dragging(false);
    if (!withFiles(event)) return;
    event.preventDefault();
    give(filesOf(event.dataTransfer));
  });
  document.addEventListener("paste", (event) => {
    const files = filesOf(event.clipboardData);
    if (files.length === 0 || byId("key-dialog").open) return;
    event.preventDefault();
    const focused = SIDES.find((name) => sides[name].root.contains(document.activeElement));
    if (focused !== undefined) sides[focused].give(files);
    else give(files);
  });
}

function switchTo(chosen, remember) {
  speak(chosen, remember);
  translate(document);
  for (const each of document.querySelectorAll("[data-language]"))
    each.setAttribute("aria-pressed", String(each.dataset.language === language()));
  options.render();
  if (state.kind === "answered") present(state);
  for (const name of SIDES) sides[name].render();
  render();
}

speak(preferred(), false);
for (const name of SIDES) sides[name] = new Side(name, options.roles()[name], { changed, extra, say });
listen();
switchTo(language(), false);
learnOffer();
