// Pictures, class maps and maps of values, painted on a canvas.

import { h, cellAt } from "./elements.js";
import { bytesOf } from "./link.js";

// matplotlib's viridis, 256 colors of three bytes: perceptually even, and readable without color vision.
export const VIRIDIS = Uint8Array.from(
  (
    "44015444025544035745055845065a45085b46095c460b5e460c5f460e61470f6247116347126547146647156747166947186a" +
    "48196b481a6c481c6e481d6f481e70482071482172482273482374472575472676472777472878472a79472b7a472c7b462d7c" +
    "462f7c46307d46317e45327f45347f453580453681443781443982433a83433b83433c84423d84423e85424085414186414286" +
    "4043874044873f45873f47883e48883e49893d4a893d4b893d4c893c4d8a3c4e8a3b508a3b518a3a528b3a538b39548b39558b" +
    "38568b38578c37588c37598c365a8c365b8c355c8c355d8c345e8d345f8d33608d33618d32628d32638d31648d31658d31668d" +
    "30678d30688d2f698d2f6a8d2e6b8e2e6c8e2e6d8e2d6e8e2d6f8e2c708e2c718e2c728e2b738e2b748e2a758e2a768e2a778e" +
    "29788e29798e287a8e287a8e287b8e277c8e277d8e277e8e267f8e26808e26818e25828e25838d24848d24858d24868d23878d" +
    "23888d23898d22898d228a8d228b8d218c8d218d8c218e8c208f8c20908c20918c1f928c1f938b1f948b1f958b1f968b1e978a" +
    "1e988a1e998a1e998a1e9a891e9b891e9c891e9d881e9e881e9f881ea0871fa1871fa2861fa38620a48520a58521a68521a784" +
    "22a78423a88323a98224aa8225ab8126ac8127ad8028ae7f29af7f2ab07e2bb17d2cb17d2eb27c2fb37b30b47a32b57a33b679" +
    "35b77836b87738b97639b9763bba753dbb743ebc7340bd7242be7144be7045bf6f47c06e49c16d4bc26c4dc26b4fc36951c468" +
    "53c56755c66657c66559c7645bc8625ec96160c96062ca5f64cb5d67cc5c69cc5b6bcd596dce5870ce5672cf5574d05477d052" +
    "79d1517cd24f7ed24e81d34c83d34b86d44988d5478bd5468dd64490d64392d74195d73f97d83e9ad83c9dd93a9fd938a2da37" +
    "a5da35a7db33aadb32addc30afdc2eb2dd2cb5dd2bb7dd29bade27bdde26bfdf24c2df22c5df21c7e01fcae01ecde01dcfe11c" +
    "d2e11bd4e11ad7e219dae218dce218dfe318e1e318e4e318e7e419e9e419ece41aeee51bf1e51cf3e51ef6e61ff8e621fae622" +
    "fde724"
  ).match(/../g),
  (byte) => parseInt(byte, 16),
);

export function paintLabels(canvas, labels, [height, width], colors) {
  const picture = new ImageData(width, height);
  for (let i = 0; i < labels.length; i++) {
    const color = colors[labels[i]] || [0, 0, 0]; // ignored pixels are black
    picture.data.set([color[0], color[1], color[2], 255], 4 * i);
  }
  put(canvas, picture);
}

// Values (h, w) over a picture of `size`, as the network upsamples: the nearest cell, or bilinear where `smooth`.
export function paintMap(canvas, { values, height, width, align, steps }, size, [low, high], smooth) {
  const picture = new ImageData(size[1], size[0]);
  const rows = line(size[0], height, align, steps[0], smooth);
  const columns = line(size[1], width, align, steps[1], smooth);
  const factor = 255 / (high - low || 1);
  let place = 0;
  for (const [r0, r1, rt] of rows) {
    for (const [c0, c1, ct] of columns) {
      const top = (1 - ct) * values[r0 * width + c0] + ct * values[r0 * width + c1];
      const bottom = (1 - ct) * values[r1 * width + c0] + ct * values[r1 * width + c1];
      const value = ((1 - rt) * top + rt * bottom - low) * factor;
      const color = 3 * Math.max(0, Math.min(255, Math.round(value)));
      picture.data[place] = VIRIDIS[color];
      picture.data[place + 1] = VIRIDIS[color + 1];
      picture.data[place + 2] = VIRIDIS[color + 2];
      picture.data[place + 3] = 255;
      place += 4;
    }
  }
  put(canvas, picture);
}

// For each of `length` pixels: the two cells it lies between, and its way from the first to the second (0 to 1).
// Where `align`, cell j lies on pixel step * j; else each cell covers an equal part.
export function line(length, cells, align, step, smooth) {
  const found = [];
  for (let i = 0; i < length; i++) {
    let at = align ? i / step : ((i + 0.5) * cells) / length - 0.5;
    if (!smooth) at = cellAt(i, length, cells, align, step);
    at = Math.max(0, Math.min(cells - 1, at));
    const first = Math.floor(at);
    found.push([first, Math.min(first + 1, cells - 1), at - first]);
  }
  return found;
}

// A map of cells ({ cells, align, steps }) at the size of the picture; where the cells part it equally the canvas does.
export function spread(values, { cells, align, steps }, size, channels = 1) {
  if (!align) return [values, cells];
  const rows = line(size[0], cells[0], align, steps[0], false);
  const columns = line(size[1], cells[1], align, steps[1], false);
  const found = new Uint8Array(size[0] * size[1] * channels);
  let place = 0;
  for (const [r] of rows)
    for (const [c] of columns)
      for (let k = 0; k < channels; k++) found[place++] = values[(r * cells[1] + c) * channels + k];
  return [found, size];
}

export function paintRGB(canvas, bytes, [height, width]) {
  const picture = new ImageData(width, height);
  for (let i = 0; i < height * width; i++) picture.data.set([bytes[3 * i], bytes[3 * i + 1], bytes[3 * i + 2], 255], 4 * i);
  put(canvas, picture);
}

// Pixels of four bytes, as canvases give them.
export function paintRGBA(canvas, pixels, [height, width]) {
  put(canvas, new ImageData(new Uint8ClampedArray(pixels), width, height));
}

function put(canvas, picture) {
  if (canvas.width !== picture.width) canvas.width = picture.width;
  if (canvas.height !== picture.height) canvas.height = picture.height;
  canvas.getContext("2d").putImageData(picture, 0, 0);
  canvas.paints = (canvas.paints || 0) + 1; // an image that is still being decoded must not paint over this
}

// At its own size, which may be finer than the pixels that the network sees.
// A PNG is decoded in the background; a newer picture that was painted meanwhile stays.
export async function paintPNG(canvas, view) {
  const order = (canvas.paints = (canvas.paints || 0) + 1);
  const bitmap = await createImageBitmap(new Blob([bytesOf(view)], { type: "image/png" }), { colorSpaceConversion: "none" });
  if (canvas.paints !== order) return;
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
}

export function colorBar([low, high], label) {
  const canvas = h("canvas", { width: 256, height: 1, "aria-hidden": "true" });
  const picture = new ImageData(256, 1);
  for (let i = 0; i < 256; i++) picture.data.set([...VIRIDIS.slice(3 * i, 3 * i + 3), 255], 4 * i);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  const ticks = [low, (low + high) / 2, high].map((value) => h("span", {}, String(Math.round(1000 * value) / 1000)));
  return h("div", { class: "acf-colorbar" }, h("div", {}, label), canvas, h("div", { class: "acf-ticks" }, ...ticks));
}
