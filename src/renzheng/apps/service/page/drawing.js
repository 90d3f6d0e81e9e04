// Icons, and the faces of a picture as an SVG that lies over it.

import { draw } from "./dom.js";

const PATHS = {
  match: ["M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z", "M7.4 12.4l3.1 3.1l6.2-6.7"],
  no_match: ["M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z", "M8.4 8.4l7.2 7.2M15.6 8.4l-7.2 7.2"],
  inconclusive: [
    "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z",
    "M9.3 9.6a2.8 2.8 0 1 1 4.2 2.4c-.9.5-1.5 1-1.5 1.9v.4M12 17.1v.1",
  ],
  not_comparable: ["M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z", "M7.4 12h9.2"],
  faces: [
    "M8 5.2a3 3 0 1 0 0 6a3 3 0 1 0 0-6zM16 5.2a3 3 0 1 0 0 6a3 3 0 1 0 0-6z",
    "M2.5 19c.4-6.4 10.6-6.4 11 0M16 14.2c3.1 0 5.3 1.6 5.5 4.8",
  ],
  wait: ["M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z", "M12 7v5.2l3.4 2"],
  failed: ["M12 3l10 18h-20z", "M12 10v5M12 18v.1"],
  document: ["M3 5.5h18v13h-18z", "M8 10.2v.1M5.8 15.2c.4-2.9 4-2.9 4.4 0M13.5 10h4.5M13.5 14h4.5"],
  live: ["M12 3.5a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 1 0 0-8.4z", "M4.5 20.5c.6-8 14.4-8 15 0"],
  photo: ["M3.5 4.5h17v15h-17z", "M3.5 16.5l5-5l4 4l2.5-2.5l5.5 5M15.5 8.8v.1"],
  warning: ["M12 3l10 18h-20z", "M12 10v5M12 18v.1"],
  doubt: [
    "M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z",
    "M9.3 9.6a2.8 2.8 0 1 1 4.2 2.4c-.9.5-1.5 1-1.5 1.9v.4M12 17.1v.1",
  ],
  refusal: ["M12 2a10 10 0 1 0 0 20a10 10 0 1 0 0-20z", "M7.4 12h9.2"],
};
const DOT = 8; // px of the screen: a landmark's size

/** A picture beside words: it says nothing that they do not. */
export function icon(name) {
  const [shape, sign] = PATHS[name];
  return draw(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    draw("path", { class: "icon-shape", d: shape }),
    draw("path", { class: "icon-sign", d: sign }),
  );
}

/** Boxes and landmarks of a side's faces, in the picture's own pixels; the chosen one on top. */
export function marks(side) {
  const [width, height] = side.size;
  const faces = [...side.faces].reverse().map((face) => {
    const [x1, y1, x2, y2] = face.box.map((v) => v + 0.5); // pixel centres lie at whole numbers
    const box = { x: x1, y: y1, width: Math.max(x2 - x1, 0), height: Math.max(y2 - y1, 0) };
    const points = face.landmarks.map(([x, y]) => `M${x + 0.5} ${y + 0.5}h0.01`).join("");
    return draw(
      "g",
      { class: "face", "data-part": face.part },
      draw("rect", { class: "face-edge", ...box }),
      draw("rect", { class: "face-box", ...box }),
      // Lines of no length: their round ends are dots that keep their size at every scale.
      draw("path", { class: "face-edge face-points", d: points, "stroke-width": DOT + 2.5 }),
      draw("path", { class: "face-points", d: points, "stroke-width": DOT }),
    );
  });
  return draw(
    "svg",
    {
      class: "marks",
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: "xMidYMid meet",
      "aria-hidden": "true",
      focusable: "false",
    },
    ...faces,
  );
}
