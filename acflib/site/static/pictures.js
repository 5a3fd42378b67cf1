// Pictures for the network: of the gallery, and a person's own. Nothing leaves the browser.

const MAX_BYTES = 64 * 2 ** 20;
const MIN_SIDE = 16;

// A picture: { name, size: [height, width], pixels (RGBA), truth (labels or null), note }.
export async function galleryPicture({ name, image, truth }) {
  const [bitmap, labels] = await Promise.all([fetched(image).then(bitmapOf), truth ? fetched(truth) : null]);
  const size = [bitmap.height, bitmap.width];
  const pixels = pixelsOf(bitmap, size);
  return { name, size, pixels, truth: labels && new Uint8Array(await labels.arrayBuffer()), note: "" };
}

export async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: the server says ${answer.status}; make the site again`);
  return answer.blob();
}

// A file of the user's own at the height of the training pictures ({ height, lowest, highest }), if it is not among
// theirs; made smaller where its longest side is above `maxSide`. Throws an Error with one line.
export async function ownPicture(file, { max_side: maxSide, trained }) {
  const name = file.name || "your photograph";
  if (file.size > MAX_BYTES) throw new Error(`${name}: larger than ${MAX_BYTES / 2 ** 20} MB; make it smaller first`);
  let bitmap;
  try {
    bitmap = await bitmapOf(file);
  } catch {
    throw new Error(`${name}: not a picture that this browser can read, or damaged; PNG, JPEG and WebP are known to all`);
  }
  const [height, width] = [bitmap.height, bitmap.width];
  if (Math.min(height, width) < MIN_SIDE)
    throw new Error(`${name}: ${width} x ${height} pixels are too few; both sides need at least ${MIN_SIDE}`);
  const known = !trained || (trained.lowest <= height && height <= trained.highest);
  const wanted = known ? 1 : trained.height / height;
  const factor = Math.min(wanted, maxSide / Math.max(height, width));
  const size = [height, width].map((side) => Math.max(MIN_SIDE, Math.round(side * factor)));
  const why = known ? "" : `: the network was trained on pictures ${trained.lowest} to ${trained.highest} pixels high`;
  const done = `made ${factor < 1 ? "smaller" : "larger"}, from ${width} x ${height} to ${size[1]} x ${size[0]} pixels`;
  const note = factor === 1 ? "" : `${name}: ${done}${why}`;
  const pixels = pixelsOf(bitmap, size);
  return { name, size, pixels, truth: null, note };
}

const bitmapOf = (blob) => createImageBitmap(blob, { colorSpaceConversion: "none", imageOrientation: "from-image" });

function pixelsOf(bitmap, [height, width]) {
  const canvas = document.createElement("canvas");
  [canvas.height, canvas.width] = [height, width];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white"; // where a picture is transparent
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return context.getImageData(0, 0, width, height).data;
}
