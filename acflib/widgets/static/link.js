// The way of an action to Python and back, and what the buffers of an answer hold.

const NO_ANSWER_MS = 10000;
const UPLOAD_PART = 4 * 2 ** 20; // bytes; servers close a connection on a message above 10 MB

// Buffers arrive as DataViews at any offset.
export const bytesOf = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
export const rawOf = (view) => bytesOf(view).slice();
export const floatsOf = (view) => new Float32Array(bytesOf(view).slice().buffer);

// A class map of (height, width), from runs of three bytes: label, and length with its lower byte first.
export function labelsOf(view, [height, width]) {
  if (!view) return null;
  const runs = bytesOf(view);
  const labels = new Uint8Array(height * width);
  for (let i = 0, place = 0; i < runs.length; i += 3) {
    const end = place + runs[i + 1] + 256 * runs[i + 2];
    labels.fill(runs[i], place, end);
    place = end;
  }
  return labels;
}

// One action is on its way at a time. Actions that wait: a new one is merged with the last if both have the same `key`,
// by default by taking its place. So a quick hand never fills the line, and the last state is the last asked for.
// `onState` is told "live" (Python answers), "silent" (it has not for a while: it may be busy) or "gone" (it has ended).
export function connect(model, onFrame, onState) {
  const client = Math.random().toString(36).slice(2);
  const queue = [];
  let seq = 0;
  let sent = null;
  let shown = -1;
  let state = "live";

  function ask(action, { key = null, merge = (_, next) => next, parts = null } = {}) {
    if (state === "gone") return;
    const last = queue[queue.length - 1];
    if (key !== null && last && last.key === key) last.action = merge(last.action, action);
    else queue.push({ action, key, parts });
    next();
  }

  function next() {
    if (sent || !queue.length) return;
    const { action, parts } = queue.shift();
    seq += 1;
    sent = { seq, at: performance.now() };
    try {
      if (!parts) model.send({ ...action, client, seq });
      else parts.forEach((part, i) => model.send({ ...action, client, seq, part: i, parts: parts.length }, undefined, [part]));
    } catch {
      gone(); // the way to Python is closed
    }
  }

  function receive() {
    const frame = model.get("frame");
    const reply = frame.reply;
    if (sent && reply && reply.client === client && reply.seq >= sent.seq) sent = null;
    enter("live");
    if (frame.version > shown || frame.version === 1) {
      shown = frame.version;
      onFrame(frame, reply ? reply.client === client : false);
    }
    next();
  }

  function enter(now) {
    if (state === now) return;
    state = now;
    onState(now);
  }

  function gone() {
    queue.length = 0;
    sent = null;
    enter("gone");
  }

  const alive = () => sent && (sent.at = performance.now());
  const watch = setInterval(() => {
    if (sent && !model.get("busy").text && performance.now() - sent.at > NO_ANSWER_MS) enter("silent");
  }, 500);
  model.on("change:frame", receive);
  model.on("change:busy", alive);
  model.on("comm_live_update", gone); // of ipywidgets: the kernel restarts
  return {
    ask,
    // Paint what there is, and ask whether anybody is there: a view of a saved notebook has no kernel.
    begin() {
      receive();
      ask({ do: "hello" });
    },
    close() {
      clearInterval(watch);
      model.off("change:frame", receive);
      model.off("change:busy", alive);
      model.off("comm_live_update", gone);
    },
  };
}

// Read a file and send it in parts.
export async function upload(file, ask) {
  const content = await file.arrayBuffer();
  const parts = [];
  for (let from = 0; from === 0 || from < content.byteLength; from += UPLOAD_PART) {
    parts.push(content.slice(from, from + UPLOAD_PART));
  }
  ask({ do: "upload", name: file.name }, { parts });
}
