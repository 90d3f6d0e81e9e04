// Where the distance lies on the curves of genuine and impostor comparisons.

import { draw, make } from "./dom.js";
import { number, text } from "./languages.js";

const HIGH = 300;
const TOP = 58;
const BOTTOM = 232;
const EDGE = 14;
const FILLED = 0.92; // of the height, by the higher curve
const NARROWEST = 280;

/** The plot with its caption; drawn anew when its room changes, so that its words keep their size.
 * `limited`: the curve of different people is that of faces that show little. */
export function curves(distributions, distance, limited) {
  const caption = describe(distributions, distance, limited);
  const room = make("div", { class: "plot-room" });
  const figure = make("figure", { class: "plot" }, room, make("figcaption", {}, caption));
  let drawn = 0;
  new ResizeObserver(() => {
    const width = Math.max(NARROWEST, Math.floor(room.clientWidth));
    if (width === drawn) return;
    drawn = width;
    room.replaceChildren(plot(distributions, distance, width, caption));
  }).observe(room);
  return figure;
}

function describe({ match, no_match }, distance, limited) {
  const parts = [text("curves.caption")];
  if (limited) parts.push(text("curves.caption.limited"));
  if (match !== null) parts.push(text("curves.caption.match", { match: number(match, 3) }));
  if (no_match !== null && no_match !== match) {
    parts.push(text("curves.caption.no_match", { no_match: number(no_match, 3) }));
    if (match !== null) parts.push(text("curves.caption.between"));
  }
  parts.push(text("curves.caption.here", { distance: number(distance, 3) }));
  return parts.join(text("sentence.gap"));
}

function plot(distributions, distance, width, caption) {
  const { distance: at, genuine, impostor, match, no_match } = distributions;
  const end = Math.max(at[at.length - 1], distance);
  const x = (value) => EDGE + ((width - 2 * EDGE) * value) / end;
  const y = (density) => BOTTOM - density * (BOTTOM - TOP) * FILLED;
  const within = (value, margin) => Math.min(Math.max(value, margin), width - margin);
  const upright = (value, top, name) =>
    draw("line", { class: name, x1: x(value), x2: x(value), y1: top, y2: BOTTOM });
  const word = (value, across, down, name, anchor = "middle") =>
    draw("text", { class: name, x: across, y: down, "text-anchor": anchor }, value);
  const outline = (densities) =>
    `M${at.map((value, k) => `${x(value).toFixed(1)} ${y(densities[k]).toFixed(1)}`).join("L")}`;

  const parts = [];
  if (match !== null && no_match !== null) {
    const room = { x: x(match), width: Math.max(x(no_match) - x(match), 0) };
    parts.push(draw("rect", { class: "zone-between", y: TOP, height: BOTTOM - TOP, ...room }));
  }
  // Beneath the axis what a distance means, as a ruler: match, a person looks, no match.
  const ruler = (from, to, name) =>
    draw("rect", { class: `ruler ${name}`, x: x(from), width: Math.max(x(to) - x(from), 0), y: BOTTOM + 1, height: 7 });
  if (match !== null) parts.push(ruler(0, match, "ruler-match"));
  if (match !== null && no_match !== null) parts.push(ruler(match, no_match, "ruler-between"));
  if (no_match !== null) parts.push(ruler(no_match, end, "ruler-no-match"));
  for (const [name, densities] of Object.entries({ genuine, impostor }))
    parts.push(draw("path", { class: `curve ${name}`, d: outline(densities) }));
  for (const cut of [match, no_match]) if (cut !== null) parts.push(upright(cut, TOP, "cut"));
  parts.push(draw("line", { class: "axis", x1: EDGE, x2: width - EDGE, y1: BOTTOM, y2: BOTTOM }));
  const step = width < 480 ? 0.4 : 0.2;
  for (let tick = 0; tick < end; tick += step)
    parts.push(word(number(tick, 1), x(tick), BOTTOM + 26, "tick"));
  parts.push(word(text("curves.axis"), width / 2, BOTTOM + 52, "tick"));
  parts.push(upright(distance, 30, "here"));
  for (const [name, densities] of Object.entries({ genuine, impostor })) {
    const top = densities.indexOf(Math.max(...densities));
    parts.push(
      word(text(`curves.${name}`), within(x(at[top]), 66), y(densities[top]) - 9, `curve-name ${name}`),
    );
  }
  parts.push(
    draw("circle", { class: "here-dot", cx: x(distance), cy: BOTTOM, r: 6 }),
    word(text("curves.here", { distance: number(distance, 3) }), within(x(distance), 54), 20, "here-name"),
  );
  return draw(
    "svg",
    { viewBox: `0 0 ${width} ${HIGH}`, width, height: HIGH, role: "img", "aria-label": caption },
    ...parts,
  );
}
