// What the page shows, as numbers: the same functions as acflib/functional.py, similarity.py and widgets/lab_view.py.
// A map is { values: Float32Array (K * h * w), channels, height, width }, one channel after the other.

export const PRESENT = 0.005; // a class below this share of the map's mass is not drawn
const LONGEST = 256; // a larger class map is looked at in steps where names are placed
const ROOM = 8; // steps to a border that a name needs

export const cellsOf = ({ height, width }) => height * width;

// P = softmax over the classes of each cell.
export function softmax(logits) {
  const count = cellsOf(logits);
  const values = new Float32Array(logits.values.length);
  for (let cell = 0; cell < count; cell++) {
    let largest = -Infinity;
    for (let i = cell; i < values.length; i += count) largest = Math.max(largest, logits.values[i]);
    let total = 0;
    for (let i = cell; i < values.length; i += count) total += values[i] = Math.exp(logits.values[i] - largest);
    for (let i = cell; i < values.length; i += count) values[i] /= total;
  }
  return { ...logits, values };
}

// The class of each pixel: logits (N, h, w), bilinearly enlarged to [H, W] as the network does it, then the largest.
export function labelsAtSize(logits, [height, width]) {
  const { values, channels } = logits;
  const [rows, columns] = [between(height, logits.height), between(width, logits.width)];
  const labels = new Uint8Array(height * width);
  const row = new Float32Array(channels * logits.width); // one row of the picture, not yet enlarged sideways
  const count = cellsOf(logits);
  rows.forEach(([r0, r1, t], y) => {
    for (let k = 0; k < channels; k++)
      for (let c = 0; c < logits.width; c++) {
        const top = values[k * count + r0 * logits.width + c];
        row[k * logits.width + c] = top + t * (values[k * count + r1 * logits.width + c] - top);
      }
    columns.forEach(([c0, c1, s], x) => {
      let [best, found] = [-Infinity, 0];
      for (let k = 0; k < channels; k++) {
        const left = row[k * logits.width + c0];
        const value = left + s * (row[k * logits.width + c1] - left);
        if (value > best) [best, found] = [value, k];
      }
      labels[y * width + x] = found;
    });
  });
  return labels;
}

// For each of `length` pixels: the two cells that it lies between, and its way from the first to the second (0 to 1).
function between(length, cells) {
  return Array.from({ length }, (_, i) => {
    const at = Math.max(0, Math.min(cells - 1, ((i + 0.5) * cells) / length - 0.5));
    const first = Math.floor(at);
    return [first, Math.min(first + 1, cells - 1), at - first];
  });
}

// The most likely class of each cell; 255 where the map is 0 for all.
export function likeliest({ values, channels, height, width }) {
  const count = height * width;
  const labels = new Uint8Array(count).fill(255);
  for (let cell = 0; cell < count; cell++) {
    let best = 0;
    for (let k = 0; k < channels; k++) if (values[k * count + cell] > best) [best, labels[cell]] = [values[k * count + cell], k];
  }
  return labels;
}

// ---- similarity

// Each cell's feature scaled to length 1; a zero feature stays zero.
export function unitFeatures(features) {
  const count = cellsOf(features);
  const squares = new Float64Array(count);
  features.values.forEach((value, i) => (squares[i % count] += value * value));
  const scale = squares.map((square) => (square > 0 ? 1 / Math.sqrt(square) : 0));
  return { ...features, values: features.values.map((value, i) => value * scale[i % count]) };
}

// Cosine similarity of every cell to one (Fig. 5 and 6).
export function similarityMap(units, cell) {
  const count = cellsOf(units);
  const found = new Float32Array(count);
  for (let from = 0; from < units.values.length; from += count) {
    const own = units.values[from + cell];
    if (own !== 0) for (let i = 0; i < count; i++) found[i] += own * units.values[from + i];
  }
  return found.map((value) => Math.max(-1, Math.min(1, value)));
}

export const featureAt = ({ values, channels, height, width }, cell) =>
  Float64Array.from({ length: channels }, (_, k) => values[k * height * width + cell]);

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const norm = (a) => Math.sqrt(dot(a, a));

// Of one feature to each class center; 0 for an absent class.
export function similarityToCenters(feature, centers) {
  const length = norm(feature);
  return centers.map((center) => dot(feature, center) / (norm(center) * length || Infinity));
}

// ---- class centers

export const isZero = (center) => center.every((value) => value === 0);

// Centers (N * C) as a list of N vectors.
export function vectorsOf(values, count) {
  const size = values.length / count;
  return Array.from({ length: count }, (_, i) => Float64Array.from(values.subarray(i * size, (i + 1) * size)));
}

// The share of each class in a class map; they sum to 1.
export function massShares({ values, channels, height, width }) {
  const count = height * width;
  const mass = Array.from({ length: channels }, (_, k) => values.subarray(k * count, (k + 1) * count).reduce((a, b) => a + b, 0));
  const total = mass.reduce((a, b) => a + b, 0) || 1;
  return mass.map((value) => value / total);
}

const distance = (a, b) => norm(a.map((value, i) => value - b[i]));

// How far each center moved, in mean distances between two of the `present` ones before.
export function moved(before, after, present) {
  const pairs = present.flatMap((i, k) => present.slice(k + 1).map((j) => distance(before[i], before[j])));
  const unit = pairs.length ? pairs.reduce((a, b) => a + b, 0) / pairs.length || 1 : 1;
  return before.map((center, i) => distance(center, after[i]) / unit);
}

// The two directions in which points spread most: { mean, axes }. The largest entry of an axis is positive.
export function principalAxes(points, count = 2) {
  const size = points[0].length;
  const mean = new Float64Array(size);
  points.forEach((point) => point.forEach((value, i) => (mean[i] += value / points.length)));
  const centered = points.map((point) => point.map((value, i) => value - mean[i]));
  const { values, vectors } = eigen(centered.map((a) => centered.map((b) => dot(a, b))));
  const order = values.map((_, i) => i).sort((a, b) => values[b] - values[a]);
  const axes = Array.from({ length: count }, (_, k) => {
    const axis = new Float64Array(size);
    if (k >= order.length || values[order[k]] <= 1e-12 * Math.max(values[order[0]], 1e-300)) return axis;
    centered.forEach((point, p) => point.forEach((value, i) => (axis[i] += vectors[p][order[k]] * value)));
    const largest = axis.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
    const scale = Math.sign(largest) / norm(axis);
    return axis.map((value) => value * scale);
  });
  return { mean, axes };
}

export const project = (point, { mean, axes }) => axes.map((axis) => dot(axis, point.map((value, i) => value - mean[i])));

// Eigenvalues and eigenvectors (columns) of a symmetric matrix, by Jacobi's rotations.
export function eigen(matrix) {
  const n = matrix.length;
  const a = matrix.map((row) => [...row]);
  const vectors = a.map((_, i) => Array.from({ length: n }, (_, j) => Number(i === j)));
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        off += Math.abs(a[p][q]);
        if (a[p][q] === 0) continue;
        const theta = (a[q][q] - a[p][p]) / (2 * a[p][q]);
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
        const c = 1 / Math.sqrt(t * t + 1);
        const s = t * c;
        for (let k = 0; k < n; k++) [a[k][p], a[k][q]] = [c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]];
        for (let k = 0; k < n; k++) [a[p][k], a[q][k]] = [c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]];
        for (const row of vectors) [row[p], row[q]] = [c * row[p] - s * row[q], s * row[p] + c * row[q]];
      }
    if (off < 1e-14) break;
  }
  return { values: a.map((row, i) => row[i]), vectors };
}

// ---- class maps

// The share of labeled pixels with the right class; null without ground truth.
export function rightShare(labels, truth) {
  if (!truth) return null;
  let [right, all] = [0, 0];
  truth.forEach((label, i) => label !== 255 && (all++, (right += label === labels[i])));
  return all ? right / all : null;
}

// The share of each class among the pixels of a class map.
export function labelShares(labels, classes) {
  const counts = new Array(classes).fill(0);
  for (const label of labels) if (label < classes) counts[label]++;
  return counts.map((count) => count / labels.length);
}

export function changedShare(a, b) {
  let count = 0;
  for (let i = 0; i < a.length; i++) count += a[i] !== b[i];
  return count / a.length;
}

// A class map of cells at the size of the picture: each cell covers an equal part of it.
export function enlarged(labels, cells, [height, width]) {
  const found = new Uint8Array(height * width);
  for (let y = 0; y < height; y++) {
    const from = Math.floor((y * cells.height) / height) * cells.width;
    for (let x = 0; x < width; x++) found[y * width + x] = labels[from + Math.floor((x * cells.width) / width)];
  }
  return found;
}

// For each class the pixel farthest from all others, [class, row, column]: where its name fits. As widgets/names.py.
export function namePlaces(labels, [height, width]) {
  const step = Math.ceil(Math.max(height, width) / LONGEST);
  const first = Math.floor(step / 2);
  const [h, w] = [Math.ceil((height - first) / step), Math.ceil((width - first) / step)];
  const seen = new Uint8Array(h * w);
  for (let y = 0; y < h; y++) for (let x = 0; x < w; x++) seen[y * w + x] = labels[(y * step + first) * width + x * step + first];
  const best = new Map();
  depths(seen, h, w).forEach((depth, i) => {
    const known = best.get(seen[i]);
    if (seen[i] !== 255 && depth >= ROOM && (!known || depth > known[0])) best.set(seen[i], [depth, i]);
  });
  const found = [...best].sort(([, a], [, b]) => b[0] - a[0]);
  return found.map(([label, [, i]]) => [label, Math.floor(i / w) * step + first, (i % w) * step + first]);
}

// The place among `places` (1 in it) with most of `marks` within `reach` rows and columns, not close to the border; -1
// where there is none.
export function densest(marks, height, width, places = marks, reach = 8) {
  let [most, found] = [0, -1];
  const [top, left] = [height, width].map((side) => Math.min(2 * reach, Math.floor(side / 4)));
  for (let y = top; y < height - top; y++)
    for (let x = left; x < width - left; x++) {
      if (!places[y * width + x]) continue;
      let count = 0;
      for (let r = Math.max(0, y - reach); r <= Math.min(height - 1, y + reach); r++)
        for (let c = Math.max(0, x - reach); c <= Math.min(width - 1, x + reach); c++) count += marks[r * width + c];
      if (count > most) [most, found] = [count, y * width + x];
    }
  return found;
}

// The marked places that hang together with one of them, by their sides.
export function connected(marks, from, height, width) {
  const [seen, found] = [new Uint8Array(marks.length), [from]];
  seen[from] = 1;
  for (const i of found) {
    const [y, x] = [Math.floor(i / width), i % width];
    const beside = [y > 0 && i - width, y < height - 1 && i + width, x > 0 && i - 1, x < width - 1 && i + 1];
    for (const j of beside) if (j !== false && marks[j] && !seen[j]) found.push(j) && (seen[j] = 1);
  }
  return found;
}

// Steps up, down, left and right from each pixel to one of another class, or out of the map.
export function depths(labels, height, width) {
  const found = new Uint16Array(height * width).fill(65535);
  const near = (i, other, inside) => (inside && labels[other] === labels[i] ? found[other] + 1 : 1);
  for (let i = 0; i < found.length; i++)
    found[i] = Math.min(near(i, i - 1, i % width > 0), near(i, i - width, i >= width));
  for (let i = found.length - 1; i >= 0; i--)
    found[i] = Math.min(found[i], near(i, i + 1, i % width < width - 1), near(i, i + width, i + width < found.length));
  return found;
}
