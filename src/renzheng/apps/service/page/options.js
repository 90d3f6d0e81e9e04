// The options of a comparison: what is sent beside the pictures.
//
// What nobody touched is not sent: then the server's own policy holds, which the fields show as soon
// as the server has told it.

import { byId, make } from "./dom.js";
import { rate as written, text } from "./languages.js";

const touched = new Set(); // the ids of fields that somebody changed
let resolutions = {}; // by pack, the lowest false match rate that it is calibrated for

/** The roles of both sides. */
export const roles = () => ({
  reference: byId("reference-role").value,
  probe: byId("probe-role").value,
});

/** What to send, or null where something cannot be: then the fault stands beside its field. */
export function read() {
  const free = byId("max-fmr").value === "";
  const rate = free ? fraction("rate") : byId("max-fmr").value;
  const asked = !byId("liveness-field").hidden && byId("liveness").value.trim() !== "";
  const liveness = asked ? fraction("liveness") : null;
  const wrongRate = !(Number(rate) > 0 && Number(rate) < 1);
  const wrongLiveness = liveness !== null && !(Number(liveness) >= 0 && Number(liveness) <= 1);
  complain("rate", wrongRate ? text("options.rate.wrong") : "");
  complain("liveness", wrongLiveness ? text("options.liveness.wrong") : "");
  if (wrongRate || wrongLiveness) return null;
  const { reference, probe } = roles();
  const options = { roles: `${reference},${probe}` };
  if (touched.has("max-fmr") || touched.has("rate")) options.max_fmr = rate;
  if (touched.has("several")) options.allow_several_faces = byId("several").checked;
  if (touched.has("same")) options.allow_same_picture = byId("same").checked;
  if (touched.has("pack")) options.pack = byId("pack").value;
  if (liveness !== null && touched.has("liveness") && probe === "live")
    options.min_liveness = liveness;
  return options;
}

/** Show the field that is at fault. */
export function showFault() {
  byId("options").open = true;
  byId("options").querySelector("[aria-invalid=true]")?.focus();
}

/** Offer what the server has, and show what it does where nobody says otherwise. */
export function offer({ packs, policy = {} }) {
  const embedders = packs.filter((pack) => pack.kind === "embedder");
  resolutions = Object.fromEntries(embedders.map((pack) => [pack.name, pack.resolution ?? null]));
  byId("pack").replaceChildren(
    ...embedders.map((pack) =>
      make("option", { value: pack.name, selected: pack.default === true }, pack.name),
    ),
  );
  byId("pack-field").hidden = embedders.length < 2;
  byId("liveness-field").hidden = !packs.some((pack) => pack.kind === "liveness");
  if (!touched.has("max-fmr") && typeof policy.max_fmr === "number") {
    const usual = [...byId("max-fmr").options].find((each) => Number(each.value) === policy.max_fmr);
    byId("max-fmr").value = usual?.value ?? "";
    byId("rate").value = usual ? "" : plainDigits(policy.max_fmr);
  }
  if (!touched.has("several")) byId("several").checked = policy.allow_several_faces === true;
  if (!touched.has("same")) byId("same").checked = policy.allow_same_picture === true;
  if (typeof policy.min_liveness === "number" && !touched.has("liveness"))
    byId("liveness").value = String(policy.min_liveness);
  render();
}

/** Put into words again what depends on more than the language. */
export function render() {
  byId("rate-field").hidden = byId("max-fmr").value !== "";
  const resolution = resolutions[byId("pack").value] ?? null;
  byId("resolution").hidden = resolution === null;
  byId("resolution").textContent =
    resolution === null ? "" : text("options.resolution", { rate: written(resolution) });
  if (byId("rate-problem").textContent !== "" || byId("liveness-problem").textContent !== "") read();
}

/** Call back whenever an option changes. */
export function watch(changed) {
  byId("options").addEventListener("change", (event) => {
    touched.add(event.target.id);
    render();
    changed();
  });
}

// Never 2e-5, which few people read.
const plainDigits = (value) =>
  value.toLocaleString("en", { useGrouping: false, maximumSignificantDigits: 6 });

// A comma is a decimal point to half the world. An empty field is no number, and not 0.
const fraction = (id) => byId(id).value.trim().replace(",", ".") || "none";

function complain(id, words) {
  byId(id).setAttribute("aria-invalid", String(words !== ""));
  const place = byId(`${id}-problem`);
  if (place.textContent !== words) place.textContent = words;
}
