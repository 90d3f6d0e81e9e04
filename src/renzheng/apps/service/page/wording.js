// What the server found, in sentences of the page's language.
//
// The server's sentences are English. Another language composes its own from codes and numbers,
// and shows the English one where a code is unknown or the sentence holds more than the code.

import { composes, counted, known, number, percent, rate, text } from "./languages.js";

// The codes of measures that are too low; every other measure has `low_` and its name.
const MEASURES_BY_CODE = {
  small_face: "inter_eye_distance",
  turned_face: "head_pose_yaw",
  lowered_face: "head_pose_pitch",
  tilted_face: "head_pose_roll",
  blurred_face: "sharpness",
  dark_face: "under_exposure_prevention",
  bright_face: "over_exposure_prevention",
  flat_face: "dynamic_range",
  compressed_face: "compression_artifacts",
  upscaled_face: "effective_resolution",
  noisy_face: "noise",
  low_contrast_face: "contrast",
  mosaic_face: "blockiness",
  covered_eyes: "eyes_visible",
  covered_mouth: "mouth_occlusion_prevention",
  upside_down_face: "upright",
  distorted_face: "natural_proportions",
};
const UNITS = {
  inter_eye_distance: "px",
  head_pose_yaw: "°",
  head_pose_pitch: "°",
  head_pose_roll: "°",
  dynamic_range: "bit",
  effective_resolution: "px",
  contrast: "bit",
};
const ROUNDING = 1 + 1e-9; // as the policy compares rates
const ROLES = ["document", "live", "photo"];
const GRADES = ["full", "limited", "insufficient", "unknown"];

/** What a side is called: "Reference: Document". */
export function sideTitle(side, role) {
  return text("side.title", { side: text(`side.${side}`), role: roleName(role) });
}

/** What a side is a picture of. */
export const roleName = (role) => (ROLES.includes(role) ? text(`role.${role}`) : role);

/** Why it was decided so: `text`, and the server's own sentence where it says more. */
export function reason(answer) {
  const composed = composes() ? composedReason(answer) : null;
  return composed === null ? { text: sentence(answer.reason), original: null } : composed;
}

/** One finding: `text`, and the server's own sentence where it says more. */
export function finding(found, answer) {
  if (!composes()) return { text: sentence(found.message), original: null };
  const compose = COMPOSE[found.code] ?? composedQuality;
  const composed = compose(found, answer[found.side], answer);
  if (composed === null) return { text: null, original: found.message };
  const more = found.code === "unreadable" || found.code === "no_face";
  return { text: sentence(composed), original: more ? found.message : null };
}

/** A false match rate as "count in of", both as the language writes them. */
export function inWords(fmr) {
  if (!(fmr.value > 0)) return { count: number(0, 0), of: number(1e6, 0) };
  const rounded = Number(fmr.value.toPrecision(2));
  const whole = (exponent) => Math.abs(rounded * 10 ** exponent - Math.round(rounded * 10 ** exponent)) < 1e-6;
  let exponent = Math.max(2, Math.ceil(-Math.log10(rounded) - 1e-9));
  if (!whole(exponent)) exponent += 1;
  return { count: number(Math.round(rounded * 10 ** exponent), 0), of: number(10 ** exponent, 0) };
}

/** The false match rate as a sentence that says what it counts. */
export function fmrSentence(answer) {
  if (answer.distance === null) return "";
  if (!answer.fmr) return text(gradeOf(answer) === "insufficient" ? "fmr.too_little" : "fmr.unknown");
  return text(answer.fmr.at_most ? "fmr.sentence.at_most" : "fmr.sentence", inWords(answer.fmr));
}

/** How much of a face the comparison rests on; null where an older server does not say, or
 * nothing was compared. */
export const gradeOf = (answer) => answer.information?.grade ?? null;

/** How much of a face the two sides show, with their strengths; "" where no strength is known. */
export function information(answer) {
  const { grade, reference, probe, wanted } = answer.information ?? {};
  if (!GRADES.includes(grade)) return "";
  if (typeof reference !== "number" && typeof probe !== "number") return "";
  const parts = [text(`information.${grade}`), text("information.strengths", strengths(answer))];
  if (typeof wanted === "number") parts.push(text("information.wanted", strengths(answer)));
  return parts.join(text("list.and"));
}

function strengths(answer) {
  const { reference, probe, wanted } = answer.information ?? {};
  const put = (each) => (typeof each === "number" ? number(each, 1) : text("information.missing"));
  return { reference: put(reference), probe: put(probe), wanted: put(wanted) };
}

/** On whom the rate was measured, and whom it leaves out: of each that there is a `label`, the
 * `populations` with their names and words, and an `end`. */
export function populations(answer) {
  const rates = answer.fmr_by_population ?? []; // an older server does not say
  return [true, false]
    .map((covered) => {
      const some = rates.filter((each) => each.covered === covered);
      return {
        label: text(covered ? "fmr.measured_on" : "fmr.not_covered"),
        populations: some.map((each) => ({ name: each.population, words: populationRate(each) })),
        end: covered && some.length > 1 ? text("fmr.worst") : "",
      };
    })
    .filter((group) => group.populations.length > 0);
}

function populationRate({ value, at_most: atMost, extrapolated, resolution }) {
  if (atMost) return text("fmr.at_most", { rate: rate(value) });
  if (!extrapolated) return rate(value);
  return text("fmr.extrapolated", { rate: rate(value), resolution: rate(resolution) });
}

/** How many faces a side has, and which one was compared. */
export function facesOf(side) {
  if (!side.size) return text("faces.no_picture");
  const count = side.faces.length;
  if (count === 0) return text("faces.none");
  let chosen = side.choice ?? "";
  if (composes()) {
    const kind = side.role === "document" ? "portrait" : "person";
    chosen = text(count === 1 ? "choice.only" : `choice.${kind}`);
  }
  return [counted("faces", count), text("faces.chosen", { reason: chosen })].join(text("list.and"));
}

/** What was done to a picture before its faces were found: `text` and the server's own words. */
export function preparation(side) {
  const { steps = [], turns = 0, outline = null } = side.preparation ?? {};
  if (!composes()) return { text: steps.join(text("list.and")), original: null };
  const known_steps = [
    outline === null ? null : text("picture.straightened"),
    turns === 0 ? null : text("picture.turned", { degrees: 90 * turns }),
  ].filter((step) => step !== null);
  return {
    text: known_steps.join(text("list.and")),
    original: steps.length > known_steps.length ? steps.join("; ") : null,
  };
}

/** The measure that a finding's code is about, if it is about one. */
export const measureOf = (code) =>
  MEASURES_BY_CODE[code] ?? (code.startsWith("low_") ? code.slice("low_".length) : code);

/** What a measure is called. */
export function measureName(name) {
  return known(`measure.${name}`) ? text(`measure.${name}`) : name.replaceAll("_", " ");
}

/** A measure's value with its unit. */
export function measured(name, value) {
  const unit = UNITS[name] ?? "";
  const digits = number(value, { px: 0, "°": 1 }[unit] ?? 2);
  if (unit === "" || unit === "°") return `${digits}${unit}`;
  return `${digits} ${text(`unit.${unit}`)}`;
}

/** The policy in a sentence. */
export function policy(answer) {
  const { accepted, rejected } = limits(answer);
  const rates = { accepted: rate(accepted), rejected: rate(rejected) };
  return text(rejected > accepted ? "grounds.policy.between" : "grounds.policy.value", rates);
}

/** A text with a capital first letter and a full stop. */
export function sentence(words) {
  const trimmed = String(words).trim();
  if (trimmed === "") return "";
  const ended = /[.!?。！？…]$/.test(trimmed) ? "" : text("sentence.end");
  return trimmed[0].toUpperCase() + trimmed.slice(1) + ended;
}

function limits(answer) {
  const accepted = answer.policy.max_fmr;
  return { accepted, rejected: Math.min(accepted * (answer.policy.inconclusive ?? 1), 1) };
}

function composedReason(answer) {
  const told = (effect) =>
    answer.warnings
      .filter((found) => found.effect === effect)
      .map((found) => [found, finding(found, answer)]);
  const joined = (said) =>
    said
      .map(([found, { text: message, original }]) =>
        text("reason.said", {
          side: text(`side.${found.side}`),
          message: (message ?? original).replace(/[.。]$/, ""),
        }),
      )
      .join(text("list.and"));
  if (answer.decision === "not_comparable") {
    const refusals = told("refusal");
    return { text: sentence(joined(refusals) || text("reason.nothing")), original: null };
  }
  if (!answer.fmr && gradeOf(answer) === "insufficient" && answer.decision === "inconclusive")
    return { text: sentence(joined(told("doubt")) || text("reason.little")), original: null };
  if (!answer.fmr || !known(`reason.${answer.decision}`)) return null;
  const { accepted, rejected } = limits(answer);
  const { value, at_most } = answer.fmr;
  const doubts = told("doubt");
  if (answer.decision === "inconclusive" && value <= accepted * ROUNDING)
    return { text: sentence(text("reason.doubt", { doubts: joined(doubts) })), original: null };
  // As many digits as it takes to see on which side of the limits the rate lies.
  const apart = [2, 3, 4, 5, 6, 7].find(
    (digits) => ![accepted, rejected].some((v) => v.toPrecision(digits) === value.toPrecision(digits)),
  );
  const here = { rate: rate(value, apart ?? 2) };
  const composed = text(`reason.${answer.decision}`, {
    rate: text(at_most ? "reason.rate.at_most" : "reason.rate", here),
    accepted: rate(accepted),
    rejected: rate(rejected),
  });
  return { text: sentence(composed), original: null };
}

const count = (side, part) => side.faces.filter((face) => face.part === part).length;

// Each takes the finding, its side and the whole answer; null where the data does not say enough.
const COMPOSE = {
  unreadable: () => text("finding.unreadable"),
  no_face: (_, side) =>
    text("finding.no_face", { remedy: text(`finding.no_face.${ROLES.includes(side.role) ? side.role : "photo"}`) }),
  several_faces: (_, side) =>
    text(`finding.several_faces.${ROLES.includes(side.role) ? side.role : "photo"}`, {
      count: count(side, "rival"),
    }),
  other_faces: (_, side) => text("finding.other_faces", { count: count(side, "stranger") }),
  crowded_portrait: () => text("finding.crowded_portrait"),
  uncertain_face: (_, side) =>
    side.face ? text("finding.uncertain_face", { score: percent(side.face.score) }) : null,
  uncertain_search: () => text("finding.uncertain_search"),
  cut_face: () => text("finding.cut_face"),
  cut_close: (found, side) =>
    side.quality.crop_inside
      ? text(found.effect === "doubt" ? "finding.cut_too_close" : "finding.cut_close", {
          share: percent(side.quality.crop_inside.value),
        })
      : null,
  same_picture: (_, side, answer) =>
    text(answer.same_picture?.mirrored ? "finding.same_picture.mirrored" : "finding.same_picture"),
  little_information: (_, side, answer) =>
    answer.information ? text("finding.little_information", strengths(answer)) : null,
  limited_information: (_, side, answer) =>
    answer.information ? text("finding.limited_information", strengths(answer)) : null,
  unknown_strength: () => text("finding.unknown_strength"),
  other_detector: () => text("finding.other_detector"),
  too_alike: (_, side, answer) =>
    typeof answer.distance === "number"
      ? text("finding.too_alike", { distance: number(answer.distance, 3) })
      : null,
  presentation_attack: (_, side, answer) =>
    answer.liveness
      ? text("finding.presentation_attack", {
          score: number(answer.liveness.score, 2),
          least: number(answer.policy.min_liveness ?? answer.liveness.threshold, 2),
        })
      : null,
};

function composedQuality(found, side, answer) {
  const measure = measureOf(found.code);
  const live = side.role === "live";
  const remedy = `remedy.${live ? "live" : "document"}.${measure}`;
  if (!known(remedy) || !side.quality[measure]) return null;
  const problem = known(`finding.${found.code}`)
    ? text(`finding.${found.code}`)
    : text("finding.quality.other", { measure: measureName(measure) });
  const demands = answer.policy[live ? "min_live_quality" : "min_document_quality"] ?? {};
  const { component } = side.quality[measure];
  const wanted = found.effect === "refusal" ? demands[measure] : undefined;
  const values = { problem, component, wanted, remedy: text(remedy) };
  return text(wanted === undefined ? "finding.quality" : "finding.quality.demanded", values);
}
