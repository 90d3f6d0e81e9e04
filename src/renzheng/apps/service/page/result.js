// An answer as elements: what each side shows, and the grounds beneath.

import { curves } from "./curves.js";
import { english, foreign, make, plain } from "./dom.js";
import { icon, marks } from "./drawing.js";
import { number, percent, text } from "./languages.js";
import { factLines } from "./pictures.js";
import {
  facesOf,
  finding,
  gradeOf,
  information,
  measured,
  measureName,
  measureOf,
  policy,
  populations,
  preparation,
  sentence,
  sideTitle,
} from "./wording.js";

export const SIDES = ["reference", "probe"];
const EFFECTS = ["refusal", "doubt", "warning"]; // the gravest first
const PARTS = ["chosen", "ghost", "copy", "rival", "intruder", "stranger", "bystander"];
const STEPS = ["read", "detect", "choose", "align"]; // of one side
const SHARED = ["embed", "same_picture", "liveness"]; // of both

/** What a side shows of an answer. */
export function shownOf(answer, name, fileName) {
  const side = answer[name];
  const display = answer.display?.[name] ?? {};
  const title = sideTitle(name, side.role);
  const values = { side: title, name: plain(fileName), faces: facesOf(side) };
  return {
    picture: display.picture ?? null,
    marks: display.picture && side.size && side.faces.length > 0 ? marks(side) : null,
    alt: text("picture.marked", values),
    facts: factLines(facts(side), legend(side)),
  };
}

/** The grounds of an answer, card by card. */
export function grounds(answer, roundTrip) {
  return [
    findings(answer),
    evidence(answer),
    make(
      "div",
      { class: "row" },
      qualityTable(answer),
      make("div", { class: "column" }, decided(answer), timings(answer, roundTrip)),
    ),
    raw(answer),
  ];
}

/** The answer without its pictures, as text. */
export function asJson({ display, ...answer }) {
  return JSON.stringify(answer, null, 2);
}

function card(title, ...children) {
  return make("section", { class: "card" }, make("h2", {}, title), ...children);
}

function facts(side) {
  if (!side.size) return [];
  const [width, height] = side.size;
  const numbers = [text("picture.size", { width, height })];
  if (side.face) {
    numbers.push(
      text("picture.eyes", { distance: number(side.face.inter_eye_distance, 0) }),
      text("picture.score", { score: percent(side.face.score) }),
    );
  }
  const prepared = preparation(side);
  const has = prepared.text !== "" || prepared.original !== null;
  return [
    sentence(facesOf(side)),
    numbers.join(" · "),
    has ? [sentence(prepared.text), prepared.original === null ? null : english(prepared.original)] : null,
  ];
}

function legend(side) {
  return PARTS.map((part) => [part, side.faces.filter((face) => face.part === part).length])
    .filter(([, count]) => count > 0 && side.faces.length > 1)
    .map(([part, count]) => {
      const name = text(`part.${part}`);
      const words = count === 1 ? name : text("part.count", { part: name, count });
      return make("li", { "data-part": part }, words);
    });
}

function findings(answer) {
  const found = answer.warnings;
  if (found.length === 0)
    return card(text("findings.title"), make("p", { class: "quiet" }, text("findings.none")));
  const groups = SIDES.map((name) => [name, found.filter((each) => each.side === name)])
    .filter(([, some]) => some.length > 0)
    .map(([name, some]) => {
      const sorted = [...some].sort((a, b) => EFFECTS.indexOf(a.effect) - EFFECTS.indexOf(b.effect));
      return make(
        "div",
        { class: "findings-side" },
        make("h3", {}, sideTitle(name, answer[name].role)),
        make("ul", { class: "findings" }, ...sorted.map((each) => findingItem(each, answer))),
      );
    });
  return card(text("findings.title"), make("div", { class: "findings-sides" }, ...groups));
}

function findingItem(found, answer) {
  const { text: words, original } = finding(found, answer);
  const effect = EFFECTS.includes(found.effect) ? found.effect : "warning";
  const follows = text(`effect.${effect}.follows`);
  return make(
    "li",
    { "data-effect": effect, "data-code": found.code },
    icon(effect),
    make(
      "div",
      {},
      make(
        "p",
        { class: "effect" },
        make("strong", {}, text(`effect.${effect}`)),
        make("span", {}, ` · ${follows}`),
      ),
      words === null ? null : make("p", {}, plain(words)),
      original === null ? null : make("p", {}, english(original)),
    ),
  );
}

function crops(answer) {
  const shown = SIDES.map((name) => {
    const crop = answer.display?.[name]?.crop;
    const title = sideTitle(name, answer[name].role);
    const picture = crop
      ? make("img", { src: crop, alt: text("crops.alt", { side: title }), width: 150, height: 150 })
      : make("div", { class: "no-crop" }, text("crops.missing"));
    return make("figure", {}, picture, make("figcaption", {}, title));
  });
  return card(
    text("crops.title"),
    make("div", { class: "crops" }, ...shown),
    make("p", { class: "quiet" }, text("crops.text")),
  );
}

function evidence(answer) {
  if (answer.distance === null) return crops(answer);
  const distributions = answer.display?.distributions;
  const plot = card(
    text("curves.title"),
    distributions
      ? curves(distributions, answer.distance, gradeOf(answer) === "limited")
      : make("p", { class: "quiet" }, text("curves.none")),
    make("p", { id: "fmr-populations", class: "quiet" }, ...populations(answer).map(population)),
  );
  return make("div", { class: "row evidence" }, crops(answer), plot);
}

/** On whom a rate was measured, or whom it leaves out, as a line. */
function population({ label, populations: some, end }) {
  const words = some.flatMap((each, n) => [
    n === 0 ? " " : text("list.and"),
    foreign(each.name),
    ` ${each.words}`,
  ]);
  return make("span", {}, make("strong", {}, label), ...words, end && `${text("list.and")}${end}`);
}

function qualityTable(answer) {
  const names = [...new Set(SIDES.flatMap((name) => Object.keys(answer[name].quality)))];
  if (names.length === 0)
    return card(text("quality.title"), make("p", { class: "quiet" }, text("quality.none")));
  const low = (side, name) =>
    answer.warnings.some((found) => found.side === side && measureOf(found.code) === name);
  const head = make(
    "tr",
    {},
    make("th", { scope: "col" }, text("quality.measure")),
    ...SIDES.map((name) => make("th", { scope: "col" }, text(`side.${name}`))),
  );
  const rows = names.map((name) =>
    make(
      "tr",
      { "data-measure": name },
      make("th", { scope: "row" }, plain(measureName(name))),
      ...SIDES.map((side) => qualityCell(name, answer[side].quality[name], low(side, name))),
    ),
  );
  return card(
    text("quality.title"),
    make("p", { class: "quiet" }, text("quality.text")),
    make("table", { class: "quality", "aria-label": text("quality.title") }, make("thead", {}, head), make("tbody", {}, ...rows)),
  );
}

function qualityCell(name, found, low) {
  if (found === undefined) return make("td", { class: "quiet" }, text("quality.missing"));
  const { value, component } = found;
  const bar = make("span", { class: low ? "bar low" : "bar", "aria-hidden": "true" });
  bar.style.setProperty("--share", `${Math.min(Math.max(component, 0), 100)}%`);
  return make(
    "td",
    {},
    make("span", { class: "component" }, String(component)),
    bar,
    make("span", { class: "native" }, measured(name, value)),
  );
}

function decided(answer) {
  const rows = [[text("grounds.policy"), policy(answer)], ...demands(answer)];
  const shown = information(answer);
  if (shown !== "") rows.push([text("grounds.information"), shown]);
  if (answer.same_picture) {
    const { same, score, threshold } = answer.same_picture;
    const values = { score: number(score, 2), threshold: number(threshold, 2) };
    rows.push([text("grounds.same"), text(same ? "grounds.same.yes" : "grounds.same.no", values)]);
  }
  if (answer.liveness) {
    const { score, threshold } = answer.liveness;
    const values = { score: number(score, 3), threshold: number(threshold, 2) };
    rows.push([text("grounds.liveness"), text("grounds.liveness.value", values)]);
  }
  if (answer.llr !== null && answer.llr !== undefined)
    rows.push([text("grounds.llr"), text("grounds.llr.value", { llr: number(answer.llr, 1) })]);
  rows.push(...packs(answer.pack));
  return card(text("grounds.title"), factTable(text("grounds.title"), rows));
}

function demands(answer) {
  const { policy: asked } = answer;
  const rows = ["document", "live"].map((role) => [
    text(`grounds.demands.${role}`),
    Object.entries(asked[`min_${role}_quality`] ?? {})
      .map(([name, least]) => text("grounds.demand", { measure: measureName(name), least }))
      .join(text("list.and")),
  ]);
  const allowed = [
    asked.allow_several_faces ? text("grounds.allowed.several") : "",
    asked.allow_same_picture ? text("grounds.allowed.same") : "",
  ];
  rows.push([text("grounds.allowed"), allowed.filter((each) => each !== "").join(text("list.and"))]);
  if (asked.min_liveness !== null && asked.min_liveness !== undefined)
    rows.push([text("grounds.min_liveness"), number(asked.min_liveness, 2)]);
  return rows.filter(([, words]) => words !== "");
}

function packs(pack) {
  const used = [
    [text("grounds.embedder"), "name", "version", "digest"],
    [text("grounds.detector"), "detector", "detector_version", "detector_digest"],
    [text("grounds.liveness_pack"), "liveness", "liveness_version", "liveness_digest"],
  ];
  return used
    .filter(([, name]) => pack[name] !== undefined)
    .map(([label, name, version, digest]) => [
      label,
      text("grounds.pack", { name: plain(pack[name]), version: plain(pack[version] ?? "") }),
      make("span", { class: "digest" }, text("grounds.digest", { digest: plain(pack[digest] ?? "") })),
    ]);
}

function factTable(title, rows) {
  return make(
    "table",
    { class: "facts", "aria-label": title },
    make(
      "tbody",
      {},
      ...rows.map(([label, ...cell]) =>
        make("tr", {}, make("th", { scope: "row" }, label), make("td", {}, ...cell)),
      ),
    ),
  );
}

function timings(answer, roundTrip) {
  const steps = Object.entries(answer.timings_ms).filter(([name]) => name !== "total");
  const total = answer.timings_ms.total;
  const longest = Math.max(...steps.map(([, ms]) => ms), total ?? 0, 1);
  const row = ([label, ms], strong) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" });
    bar.style.setProperty("--share", `${Math.min((100 * ms) / longest, 100)}%`);
    return make(
      "tr",
      { class: strong ? "strong" : false },
      make("th", { scope: "row" }, label),
      make("td", { class: "time" }, text("time.value", { ms: number(ms, ms < 10 ? 1 : 0) })),
      make("td", { class: "time-bar" }, bar),
    );
  };
  const whole = [
    ...(total === undefined ? [] : [[text("time.total"), total]]),
    [text("time.round_trip"), roundTrip],
  ];
  return card(
    text("time.title"),
    make(
      "table",
      { class: "times", "aria-label": text("time.title") },
      make(
        "tbody",
        {},
        ...whole.map((each) => row(each, true)),
        ...steps.sort(byOrder).map(([name, ms]) => row([stepName(name), ms], false)),
      ),
    ),
    make("p", { class: "quiet" }, text("time.text")),
  );
}

/** The steps of the reference, then of the probe, then of both; each as they follow each other. */
function byOrder([one], [other]) {
  const order = [...SIDES.flatMap((side) => STEPS.map((step) => `${side}_${step}`)), ...SHARED];
  const place = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
  return place(one) - place(other);
}

function stepName(name) {
  const side = SIDES.find((each) => name.startsWith(`${each}_`));
  if (side !== undefined) {
    const step = name.slice(side.length + 1);
    if (STEPS.includes(step))
      return text("time.step", { side: text(`side.${side}`), step: text(`time.${step}`) });
  }
  return SHARED.includes(name) ? text(`time.${name}`) : plain(name);
}

function raw(answer) {
  const json = asJson(answer);
  const told = make("span", { class: "quiet", role: "status" });
  const copy = make("button", { type: "button" }, text("json.copy"));
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(json);
      told.textContent = text("json.copied");
    } catch {
      told.textContent = text("json.not_copied");
    }
  });
  const download = make("button", { type: "button" }, text("json.download"));
  download.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([json], { type: "application/json" }));
    make("a", { href: url, download: "renzheng-verification.json" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  return make(
    "details",
    { class: "card raw" },
    make("summary", {}, make("h2", {}, text("json.title"))),
    make("p", { class: "quiet" }, text("json.text")),
    make("div", { class: "raw-tools" }, copy, download, told),
    make("pre", { tabindex: "0", "aria-label": text("json.title") }, json),
  );
}
