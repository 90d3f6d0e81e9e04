// One picture from the camera. Its tracks are stopped as soon as the picture is taken.

const WANTED = { width: { ideal: 1920 }, height: { ideal: 1080 } };
const JPEG = 0.95;

/** Why there is no camera: `reason` is the last part of a text's key, `camera.REASON`. */
export class NoCamera extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

/** A camera that runs in a video element. */
export class Camera {
  #video;
  #stream = null;
  #attempt = 0;
  #ended;

  /** `ended` is called where the camera goes away by itself. */
  constructor(video, ended) {
    this.#video = video;
    this.#ended = ended;
  }

  get on() {
    return this.#stream !== null;
  }

  /** Start, with a certain camera or any; how many there are. Rejects with NoCamera. */
  async start(facing, device = null) {
    this.stop();
    const attempt = ++this.#attempt;
    if (!navigator.mediaDevices?.getUserMedia)
      throw new NoCamera(window.isSecureContext ? "none" : "insecure");
    const which = device === null ? { facingMode: { ideal: facing } } : { deviceId: { exact: device } };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { ...WANTED, ...which }, audio: false });
    } catch (error) {
      throw new NoCamera(reasonOf(error));
    }
    if (attempt !== this.#attempt) {
      for (const track of stream.getTracks()) track.stop();
      throw new NoCamera("stopped");
    }
    this.#stream = stream;
    for (const track of stream.getTracks())
      track.addEventListener("ended", () => this.#stream === stream && this.#ended());
    this.#video.srcObject = stream;
    try {
      await this.#video.play();
    } catch {
      // paused by the browser, or stopped meanwhile: the picture is taken from what is there
    }
    return (await devices()).length;
  }

  /** The camera after the one that runs. */
  async next() {
    const all = await devices();
    const now = this.#stream?.getVideoTracks()[0]?.getSettings().deviceId;
    const place = all.findIndex((each) => each.deviceId === now);
    return all[(place + 1) % all.length]?.deviceId ?? null;
  }

  /** The picture that it shows, as a file; null where it shows none yet. */
  async shoot(name) {
    const { videoWidth: width, videoHeight: height } = this.#video;
    if (!this.on || width === 0 || height === 0) return null;
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").drawImage(this.#video, 0, 0);
    this.stop();
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", JPEG));
    return blob === null ? null : new File([blob], name, { type: blob.type });
  }

  stop() {
    this.#attempt += 1;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
    this.#video.srcObject = null;
  }
}

async function devices() {
  const all = await navigator.mediaDevices.enumerateDevices();
  return all.filter((each) => each.kind === "videoinput");
}

function reasonOf(error) {
  if (error.name === "NotAllowedError" || error.name === "SecurityError") return "refused";
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return "none";
  return "busy";
}
