// Talking to the server. The key, where it wants one, is kept in this module's memory only.

const LONGEST_WAIT = 60; // seconds between two attempts, whatever the server asks

let key = null;

/** Send this key from now on; null forgets it. */
export function useKey(given) {
  key = given;
}

/** Why there is no answer: `status` 0 is a server that cannot be reached. */
export class Problem extends Error {
  constructor(status, { detail = "", remedy = "", wait = null } = {}) {
    super(detail || `status ${status}`);
    Object.assign(this, { status, detail, remedy, wait });
  }
}

/** Compare two files: the answer's JSON. Rejects with a Problem, or with the signal's abort. */
export async function verify(pictures, options, signal) {
  const form = new FormData();
  // The files' own names may tell more than the server needs.
  for (const [side, file] of Object.entries(pictures)) form.append(side, file, side);
  for (const [name, value] of Object.entries(options)) form.append(name, String(value));
  form.append("display", "true");
  const answer = await ask("v1/verify", { method: "POST", body: form, signal });
  if (!answer || typeof answer.decision !== "string" || !answer.reference || !answer.probe)
    throw new Problem(200);
  return answer;
}

/** What the server offers: its packs, its usual policy, the bytes that it takes. */
export async function offer() {
  const answer = await ask("v1/packs", {});
  if (!Array.isArray(answer?.packs)) throw new Problem(200);
  return answer;
}

async function ask(path, request) {
  const headers = { Accept: "application/json" };
  if (key !== null) headers.Authorization = `Bearer ${key}`;
  const how = { ...request, headers, cache: "no-store", credentials: "same-origin" };
  let response;
  try {
    response = await fetch(path, how);
  } catch (error) {
    if (request.signal?.aborted) throw error;
    throw new Problem(0);
  }
  let body = null;
  try {
    body = await response.json();
  } catch (error) {
    if (request.signal?.aborted) throw error;
    if (response.ok) throw new Problem(response.status);
  }
  if (response.ok) return body;
  throw new Problem(response.status, {
    detail: typeof body?.detail === "string" ? body.detail : "",
    remedy: typeof body?.remedy === "string" ? body.remedy : "",
    wait: seconds(response.headers.get("Retry-After")),
  });
}

/** Retry-After, which is a number of seconds or a date (RFC 9110, 10.2.3). */
function seconds(header) {
  if (header === null) return null;
  const number = /^\d+$/.test(header) ? Number(header) : (Date.parse(header) - Date.now()) / 1000;
  return Number.isFinite(number) ? Math.min(Math.max(Math.ceil(number), 1), LONGEST_WAIT) : null;
}
