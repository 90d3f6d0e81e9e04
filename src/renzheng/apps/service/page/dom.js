// Making elements. Texts become text nodes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; children that are null are left out. */
export function make(name, attributes = {}, ...children) {
  return furnish(document.createElement(name), attributes, children);
}

/** The same in SVG. */
export function draw(name, attributes = {}, ...children) {
  return furnish(document.createElementNS(SVG, name), attributes, children);
}

/** A text that neither reorders its surroundings nor hides in them: file names may be hostile. */
export function plain(text) {
  return String(text)
    .replace(/\s/gu, " ")
    .replace(/[\p{C}\u2028\u2029]/gu, "\ufffd");
}

/** A foreign text, kept apart from the direction of writing around it. */
export const foreign = (text, attributes = {}) => make("bdi", attributes, plain(text));

/** A sentence of the server's, which speaks English. */
export const english = (text) => make("span", { class: "original", lang: "en" }, plain(text));

export const byId = (id) => document.getElementById(id);

function furnish(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}
