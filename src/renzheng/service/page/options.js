// The options of a comparison: what is sent beside the pictures.

import { byId, make } from "./dom.js";
import { text } from "./languages.js";

/** The roles of both sides. */
export const roles = () => ({
  reference: byId("reference-role").value,
  probe: byId("probe-role").value,
});

/** What to send, or null where something cannot be: then the fault stands beside its field. */
export function read() {
  const rate = byId("max-fmr").value || fraction("rate");
  const liveness = byId("liveness").value.trim() === "" ? null : fraction("liveness");
  const wrongRate = Number.isNaN(Number(rate)) || !(Number(rate) > 0 && Number(rate) < 1);
  const wrongLiveness = liveness !== null && !(Number(liveness) >= 0 && Number(liveness) <= 1);
  complain("rate", wrongRate ? text("options.rate.wrong") : "");
  complain("liveness", wrongLiveness ? text("options.liveness.wrong") : "");
  if (wrongRate || wrongLiveness) return null;
  const { reference, probe } = roles();
  const options = {
    max_fmr: rate,
    roles: `${reference},${probe}`,
    allow_several_faces: byId("several").checked,
    allow_same_picture: byId("same").checked,
  };
  if (!byId("pack-field").hidden) options.pack = byId("pack").value;
  if (liveness !== null && !byId("liveness-field").hidden && probe === "live")
    options.min_liveness = liveness;
  return options;
}

/** Show the field that is at fault. */
export function showFault() {
  byId("options").open = true;
  byId("options").querySelector("[aria-invalid=true]")?.focus();
}

/** Offer what the server has. */
export function offer(packs) {
  const embedders = packs.filter((pack) => pack.kind === "embedder" && typeof pack.name === "string");
  byId("pack").replaceChildren(
    ...embedders.map((pack) => make("option", { value: pack.name, selected: pack.default === true }, pack.name)),
  );
  byId("pack-field").hidden = embedders.length < 2;
  byId("liveness-field").hidden = !packs.some((pack) => pack.kind === "liveness");
}

/** Call back whenever an option changes. */
export function watch(changed) {
  byId("options").addEventListener("change", () => {
    byId("rate-field").hidden = byId("max-fmr").value !== "";
    changed();
  });
}

// A comma is a decimal point to half the world.
const fraction = (id) => byId(id).value.trim().replace(",", ".") || "nothing";

function complain(id, words) {
  byId(id).setAttribute("aria-invalid", String(words !== ""));
  const place = byId(`${id}-problem`);
  if (place.textContent !== words) place.textContent = words;
}
