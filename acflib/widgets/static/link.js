// The way of an action to Python and back, and what the buffers of an answer hold.

const NO_ANSWER_MS = 20000;
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
export function connect(model, onFrame, onSilence) {
  const client = Math.random().toString(36).slice(2);
  const queue = [];
  let seq = 0;
  let sent = null;
  let shown = -1;

  function ask(action, { key = null, merge = (_, next) => next, parts = null } = {}) {
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
    if (!parts) model.send({ ...action, client, seq });
    else parts.forEach((part, i) => model.send({ ...action, client, seq, part: i, parts: parts.length }, undefined, [part]));
  }

  function receive() {
    const frame = model.get("frame");
    const reply = frame.reply;
    if (sent && reply && reply.client === client && reply.seq >= sent.seq) sent = null;
    if (frame.version > shown || frame.version === 1) {
      shown = frame.version;
      onFrame(frame);
    }
    next();
  }

  const alive = () => sent && (sent.at = performance.now());
  const watch = setInterval(() => {
    if (sent && performance.now() - sent.at > NO_ANSWER_MS) {
      sent = null;
      onSilence();
      next();
    }
  }, 1000);
  model.on("change:frame", receive);
  model.on("change:busy", alive);
  return {
    ask,
    receive,
    idle: () => !sent && !queue.length,
    close() {
      clearInterval(watch);
      model.off("change:frame", receive);
      model.off("change:busy", alive);
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
