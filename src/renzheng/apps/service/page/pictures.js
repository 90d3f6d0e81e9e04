// One side: a picture that is dropped, chosen, pasted or taken, and shown at once.

import { Camera, NoCamera } from "./camera.js";
import { byId, foreign, make, plain } from "./dom.js";
import { icon } from "./drawing.js";
import { number, text, translate } from "./languages.js";
import { sideTitle } from "./wording.js";

// Pictures that browsers call by no type of their own are known by their names' ends.
const ENDS = /\.(jpe?g|png|webp|bmp|tiff?|gif|hei[cf]|avif|jfif|jp2|j2[kc]|jpc|pdf|dg2|fac)$/i;
const ACCEPTED =
  "image/*,.heic,.heif,.tif,.tiff,.webp,.bmp,.jp2,.j2k,.j2c,.jpc,.pdf,.dg2,.fac,.bin";
const MEGABYTE = 2 ** 20;

/** The files of a drop or a paste, pictures first. */
export function filesOf(transfer) {
  const files = [...(transfer?.files ?? [])];
  return [...files.filter(isPicture), ...files.filter((file) => !isPicture(file))];
}

function isPicture(file) {
  return file.type.startsWith("image/") || ENDS.test(file.name);
}

export class Side {
  #parts;
  #camera;
  #url = null;
  #note = null; // {key, values}, so that it can be said in another language
  #shown = null; // what an answer shows: {picture, marks, alt, facts}

  /**
   * `name` is reference or probe. `changed` is called after somebody changed the picture, `extra`
   * with files beyond the first, `say` with what a screen reader should speak.
   */
  constructor(name, role, { changed, extra, say }) {
    // `most` is how many bytes the server takes, where it has said so.
    Object.assign(this, { name, role, file: null, most: null, changed, extra, say });
    const root = byId("side-template").content.firstElementChild.cloneNode(true);
    byId(name).replaceWith(root);
    root.id = name;
    const find = (selector) => root.querySelector(selector);
    this.#parts = {
      root,
      title: find("h3"),
      fileName: find(".file"),
      stage: find(".stage"),
      zone: find(".zone"),
      zoneIcon: find(".zone-icon"),
      zoneTitle: find(".zone-title"),
      shot: find(".shot"),
      image: find(".shot img"),
      blind: find(".blind"),
      note: find(".side-note"),
      replace: find(".replace"),
      lens: find(".lens"),
      remove: find(".remove"),
      camera: find(".camera"),
      video: find("video"),
      shoot: find(".shoot"),
      other: find(".other"),
      facts: find(".side-facts"),
      input: find("input[type=file]"),
    };
    this.#parts.title.id = `${name}-title`;
    root.setAttribute("aria-labelledby", `${name}-title`);
    this.#parts.input.accept = ACCEPTED;
    this.#camera = new Camera(this.#parts.video, () => this.#closeCamera("ended"));
    this.#listen(find(".stop"));
    this.render();
  }

  get root() {
    return this.#parts.root;
  }

  get title() {
    return sideTitle(this.name, this.role);
  }

  /** Take a file that somebody gave; several are offered on. */
  give(files) {
    const [first, ...more] = files;
    if (first === undefined) {
      this.#tell("side.no_file");
      return;
    }
    const held = this.root.contains(document.activeElement);
    this.put(first);
    if (held) this.#parts.replace.focus();
    this.say(text("side.added", { side: this.title }));
    if (more.length > 0 && !this.extra(this, more)) this.#tell("side.several");
    this.changed();
  }

  /** Hold this file, or none, without telling anybody. */
  put(file) {
    this.#stopCamera();
    if (this.#url !== null) URL.revokeObjectURL(this.#url);
    this.file = file;
    this.#url = file === null ? null : URL.createObjectURL(file);
    this.#shown = null;
    this.#note = null;
    if (file !== null) {
      if (file.size === 0) this.#note = { key: "side.empty_file" };
      else if (!isPicture(file)) this.#note = { key: "side.not_picture" };
      else if (this.most !== null && file.size > this.most) {
        const [size, most] = [file.size, this.most].map((bytes) => bytes / MEGABYTE);
        const values = () => ({ size: number(size, 1), most: number(most, 1) });
        this.#note = { key: "side.large", values };
      }
    }
    this.#parts.blind.hidden = true;
    if (this.#url !== null) this.#parts.image.src = this.#url;
    else this.#parts.image.removeAttribute("src");
    this.render();
  }

  /** Show what an answer says of the picture; null shows the picture as it was given. */
  show(shown) {
    const before = this.#shown;
    this.#shown = shown;
    if (shown?.picture) {
      this.#parts.image.src = shown.picture;
      this.#parts.blind.hidden = true;
    } else if (before?.picture && this.#url !== null) this.#parts.image.src = this.#url;
    this.render();
  }

  focus() {
    (this.file === null ? this.#parts.zone : this.#parts.replace).focus();
  }

  /** Put everything into words again. */
  render() {
    const parts = this.#parts;
    const empty = this.file === null;
    const camera = !parts.camera.hidden;
    parts.root.dataset.state = camera ? "camera" : empty ? "empty" : "filled";
    translate(parts.root);
    parts.title.textContent = this.title;
    parts.fileName.replaceChildren(...(empty ? [] : [foreign(this.file.name)]));
    parts.zone.hidden = !empty || camera;
    parts.zoneIcon.replaceChildren(icon(this.role));
    parts.zoneTitle.textContent = text(`drop.${this.role}`);
    parts.shot.hidden = empty || camera || !parts.blind.hidden;
    if (camera) parts.blind.hidden = true;
    parts.image.alt = empty
      ? ""
      : (this.#shown?.alt ?? text("side.preview", { side: this.title, name: plain(this.file.name) }));
    parts.shot.querySelector("svg")?.remove();
    if (this.#shown?.marks) parts.shot.append(this.#shown.marks);
    const note = this.#note === null ? "" : text(this.#note.key, this.#note.values?.());
    if (parts.note.textContent !== note) parts.note.textContent = note;
    for (const [what, key] of Object.entries({ replace: "replace", lens: "camera", remove: "remove" }))
      parts[what].setAttribute("aria-label", text(`side.${key}.label`, { side: this.title }));
    parts.replace.disabled = empty;
    parts.remove.disabled = empty;
    parts.lens.setAttribute("aria-pressed", String(camera));
    const hint = make("p", {}, text(`hint.${this.role}`));
    parts.facts.replaceChildren(...(this.#shown?.facts ?? [hint]));
  }

  #tell(key) {
    this.#note = { key };
    this.render();
  }

  #listen(stop) {
    const parts = this.#parts;
    parts.zone.addEventListener("click", () => parts.input.click());
    parts.replace.addEventListener("click", () => parts.input.click());
    parts.input.addEventListener("change", () => {
      const files = [...parts.input.files];
      parts.input.value = ""; // so that the same file can be chosen again
      if (files.length > 0) this.give(files);
    });
    parts.remove.addEventListener("click", () => {
      this.put(null);
      parts.zone.focus();
      this.say(text("side.removed", { side: this.title }));
      this.changed();
    });
    parts.image.addEventListener("error", () => {
      if (this.file === null) return;
      parts.blind.hidden = false;
      this.render();
    });
    this.#listenToDrags();
    parts.lens.addEventListener("click", () => {
      if (parts.camera.hidden) this.#openCamera();
      else this.#closeCamera();
    });
    stop.addEventListener("click", () => {
      this.#closeCamera();
      parts.lens.focus();
    });
    parts.shoot.addEventListener("click", async () => {
      const file = await this.#camera.shoot(`${text("side.shot")}.jpg`);
      if (file !== null) this.give([file]);
    });
    parts.other.addEventListener("click", async () => this.#openCamera(await this.#camera.next()));
  }

  #listenToDrags() {
    const { root } = this.#parts;
    let depth = 0; // a drag enters and leaves every child on its way
    const over = (inside) => root.classList.toggle("over", inside);
    root.addEventListener("dragenter", () => over(++depth > 0));
    root.addEventListener("dragleave", () => over((depth = Math.max(depth - 1, 0)) > 0));
    root.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      depth = 0;
      over(false);
      document.documentElement.classList.remove("dragging");
      this.give(filesOf(event.dataTransfer));
    });
  }

  async #openCamera(device = null) {
    const parts = this.#parts;
    parts.camera.hidden = false;
    parts.other.hidden = true;
    parts.shoot.disabled = true;
    parts.video.classList.toggle("mirrored", this.role === "live");
    this.#tell("camera.start");
    try {
      const facing = this.role === "document" ? "environment" : "user";
      const count = await this.#camera.start(facing, device);
      parts.other.hidden = count < 2;
      parts.shoot.disabled = false;
      this.#tell("camera.on");
      parts.shoot.focus();
    } catch (error) {
      if (!(error instanceof NoCamera)) throw error;
      if (error.reason !== "stopped") this.#closeCamera(error.reason);
    }
  }

  #closeCamera(reason = null) {
    this.#stopCamera();
    this.#note = reason === null ? null : { key: `camera.${reason}` };
    if (this.#url !== null && !this.#shown?.picture) this.#parts.image.src = this.#url;
    this.render();
  }

  #stopCamera() {
    this.#camera.stop();
    this.#parts.camera.hidden = true;
  }
}

/** Facts about a side, in short lines; `legend` says what the colours of its boxes mean. */
export function factLines(lines, legend) {
  const rows = lines.filter((line) => line !== null).map((line) => make("p", {}, ...[line].flat()));
  if (legend.length > 0) rows.push(make("ul", { class: "legend" }, ...legend));
  return rows;
}
