// The page's languages: which one is spoken, and how its words and numbers are put.
//
// Both have the same keys. A text may hold {places}; one that counts things has the endings `.one`
// and `.other`.

import { chinese, sentences } from "./chinese.js";
import { english } from "./english.js";

export const languages = { en: english, zh: chinese };
// The server's own sentences are English; other languages compose them from its codes and numbers.
const composed = { en: {}, zh: sentences };
const TAGS = { en: "en", zh: "zh-CN" };
const REMEMBERED = "renzheng.language";

let current = "en";

export const language = () => current;
export const tag = () => TAGS[current];

/** Whether this language has sentences of its own for what the server says. */
export const composes = () => Object.keys(composed[current]).length > 0;

/** Whether there is a text under this key. */
export const known = (key) =>
  Object.hasOwn(languages[current], key) || Object.hasOwn(composed[current], key);

/** The text under a key, its {places} filled in. */
export function text(key, values = {}) {
  if (!known(key)) throw new Error(`no text is called ${key}`);
  const words = languages[current][key] ?? composed[current][key];
  return words.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** A text that counts, in the form that the count asks for. */
export function counted(key, count) {
  const form = new Intl.PluralRules(tag()).select(count) === "one" ? "one" : "other";
  return text(`${key}.${form}`, { count: number(count, 0) });
}

/** A number with a fixed number of decimals, as the language writes it. */
export function number(value, decimals) {
  return new Intl.NumberFormat(tag(), {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(value);
}

/** A rate in plain digits, no more of them than it takes. */
export const rate = (value, digits = 2) =>
  new Intl.NumberFormat(tag(), { maximumSignificantDigits: digits }).format(value);

/** A share of 1 in hundredths. */
export const percent = (share) =>
  new Intl.NumberFormat(tag(), { style: "percent", maximumFractionDigits: 0 }).format(share);

/** The language that was chosen before, else the browser's. */
export function preferred() {
  let chosen = null;
  try {
    chosen = localStorage.getItem(REMEMBERED);
  } catch {
    // a browser that allows no storage: ask it for its language each time
  }
  if (chosen !== null && Object.hasOwn(languages, chosen)) return chosen;
  const wanted = navigator.languages?.length ? navigator.languages : [navigator.language];
  const first = wanted.map((each) => String(each).slice(0, 2).toLowerCase());
  return first.find((each) => Object.hasOwn(languages, each)) ?? "en";
}

/** Speak this language from now on; remembered where somebody chose it. */
export function speak(chosen, remember) {
  current = chosen;
  document.documentElement.lang = TAGS[chosen];
  if (!remember) return;
  try {
    localStorage.setItem(REMEMBERED, chosen);
  } catch {
    // then it holds for this page only
  }
}

/** Put the words into what stands in the page: data-text, data-label. */
export function translate(root) {
  for (const node of root.querySelectorAll("[data-text]"))
    node.textContent = text(node.dataset.text);
  for (const node of root.querySelectorAll("[data-label]"))
    node.setAttribute("aria-label", text(node.dataset.label));
}
