// A picture as the network sees it, and what it makes of an edited coarse map. No painting here.

import { applyEdits, ownMaps } from "./edits.js";
import {
  PRESENT, cellsOf, changedShare, connected, densest, enlarged, featureAt, isZero, labelShares, labelsAtSize, likeliest, massShares, moved, namePlaces,
  principalAxes, project, rightShare, similarityMap, similarityToCenters, softmax, unitFeatures, vectorsOf,
} from "./numbers.js";

export class Scene {
  constructor(network, picture, found, own, alike) {
    this.network = network;
    this.picture = picture;
    this.size = picture.size;
    this.features = found.features;
    this.coarseLogits = found.coarse;
    this.own = softmax(found.coarse); // P, as the network found it
    this.before = own;
    this.centersBefore = vectorsOf(own.centers, this.own.channels);
    this.coarseLabels = labelsAtSize(found.coarse, this.size);
    this.fineBefore = labelsAtSize(own.fine, this.size);
    this.fineAlike = labelsAtSize(alike.fine, this.size); // with all class centers alike, and P as it was
    this.ownLabels = likeliest(this.own); // cells
    this.sharesBefore = massShares(this.own);
    this.present = this.sharesBefore.flatMap((share, i) => (share >= PRESENT ? [i] : []));
    this.axes = principalAxes(this.present.map((i) => this.centersBefore[i]), 2);
    this.units = { baseline: null, coarse: unitFeatures(found.features) };
    this.done = { edits: [], maps: ownMaps(this.own) }; // the edits that are finished: all but the last, which may be a stroke that goes on
    this.change([], this.done.maps, own);
  }

  static async of(network, picture) {
    const found = await network.look(picture);
    const own = softmax(found.coarse);
    const { centers } = applyEdits(ownMaps(own), [{ do: "alike" }]);
    const decided = await network.decide(found.features, own, own);
    return new Scene(network, picture, found, decided, await network.decide(found.features, centers, own));
  }

  async addBaseline() {
    if (!this.network.baseline || this.units.baseline) return;
    this.units.baseline = unitFeatures(await this.network.baselineFeatures(this.picture));
  }

  // What the network makes of the coarse map after these edits.
  async edit(edits) {
    const finished = edits.slice(0, -1);
    const goesOn = this.done.edits.length <= finished.length && this.done.edits.every((edit, i) => edit === finished[i]);
    const [from, more] = goesOn ? [this.done.maps, finished.slice(this.done.edits.length)] : [ownMaps(this.own), finished];
    const apply = (maps, list) => applyEdits(maps, list, this.size, this.picture.truth);
    this.done = { edits: finished, maps: apply(from, more) };
    const maps = apply(this.done.maps, edits.slice(-1));
    const found = edits.length ? await this.network.decide(this.features, maps.centers, maps.attention) : this.before;
    this.change(edits, maps, found);
  }

  change(edits, maps, found) {
    [this.edits, this.maps, this.found] = [edits, maps, found];
    this.centers = vectorsOf(found.centers, this.own.channels);
    this.fine = found === this.before ? this.fineBefore : labelsAtSize(found.fine, this.size);
    this.edited = likeliest(maps.attention); // cells
    this.coarse = this.coarseAfter();
    this.units.fine = unitFeatures(found.fineFeatures);
  }

  cellOf([row, column]) {
    const [h, w] = [this.own.height, this.own.width];
    return Math.floor((row * h) / this.size[0]) * w + Math.floor((column * w) / this.size[1]);
  }

  absent(label) {
    return !this.coarse.includes(label);
  }

  // Are all class centers alike? A stroke after "alike" makes one that is not.
  get alike() {
    return moved(this.centers.slice(1), this.centers.slice(0, -1), []).every((far) => far < 1e-6);
  }

  // The coarse guess in pixels, as it is drawn and counted: as the network enlarges it, but the cell's class where a hand
  // changed the cell or made the class absent. The ground truth in its place is a map of cells.
  coarseAfter() {
    const [now, own] = [this.edited, this.ownLabels].map((labels) => enlarged(labels, this.own, this.size));
    if (this.edits.some((edit) => edit.do === "truth")) return now;
    const [present, before] = [this.edited, this.ownLabels].map((labels) => new Set(labels));
    const madeAbsent = (label) => before.has(label) || this.edits.some((edit) => edit.do === "absent" && edit.label === label);
    const kept = (label, i) => now[i] === own[i] && (present.has(label) || !madeAbsent(label));
    return this.coarseLabels.map((label, i) => (kept(label, i) ? label : now[i]));
  }

  // A pixel at which the class centers decide: coarse guess wrong, fine result right, and wrong again with all centers
  // alike; the one with most of its kind around it, in the middle of a cell where there is one, so that the P of its cell
  // is the whole of its guess. Null where there is none.
  decidedByCenters() {
    const { truth } = this.picture;
    if (!truth) return null;
    const [height, width] = this.size;
    const kind = truth.map((label, i) => Number(label !== 255 && this.fineBefore[i] === label && this.coarseLabels[i] !== label && this.fineAlike[i] !== label));
    const [tall, wide] = [height / this.own.height, width / this.own.width];
    const middle = (place, side) => Math.abs(((place + 0.5) % side) / side - 0.5) < 0.2;
    const inside = kind.map((is, i) => is && Number(middle(Math.floor(i / width), tall) && middle(i % width, wide)));
    const at = densest(kind, height, width, inside.includes(1) ? inside : kind);
    if (at < 0) return null;
    const wrong = truth.map((label, i) => Number(label !== 255 && label !== this.coarseLabels[i] && this.coarseLabels[i] === this.coarseLabels[at]));
    const patch = connected(wrong, at, height, width);
    const mended = patch.filter((i) => this.fineBefore[i] === truth[i]).length / patch.length;
    return { pixel: [Math.floor(at / width), at % width], coarse: this.coarseLabels[at], fine: this.fineBefore[at], alike: this.fineAlike[at], mended };
  }

  // ---- what the panels paint

  classMaps() {
    return {
      truth: this.picture.truth,
      coarse: this.coarse,
      fine: this.fine,
      places: { truth: this.picture.truth ? namePlaces(this.picture.truth, this.size) : [], coarse: namePlaces(this.coarse, this.size), fine: namePlaces(this.fine, this.size) },
      changed: changedShare(this.fine, this.fineBefore),
      rightCoarse: rightShare(this.coarseLabels, this.picture.truth),
      rightCoarseAfter: rightShare(this.coarse, this.picture.truth),
      rightBefore: rightShare(this.fineBefore, this.picture.truth),
      rightAlike: rightShare(this.fineAlike, this.picture.truth),
      right: rightShare(this.fine, this.picture.truth),
    };
  }

  // The three maps of Fig. 5 and 6 for a pixel, those that there are.
  similarity(pixel) {
    const cell = this.cellOf(pixel);
    return Object.entries(this.units).filter(([, units]) => units).map(([name, units]) => {
      const cells = { height: units.height, width: units.width, align: false, steps: [1, 1] }; // equal parts of the picture
      return { name, values: similarityMap(units, cell), ...cells };
    });
  }

  // Attention and similarity to each class center of a pixel.
  facts(pixel) {
    const cell = this.cellOf(pixel);
    const count = cellsOf(this.own);
    const at = pixel[0] * this.size[1] + pixel[1];
    const { truth } = this.picture;
    return {
      row: Array.from({ length: this.own.channels }, (_, k) => this.maps.attention.values[k * count + cell]),
      to_centers: similarityToCenters(featureAt(this.found.reduced, cell), this.centers).map((value, i) => (isZero(this.centers[i]) ? null : value)),
      truth: truth ? truth[at] : null,
      coarse: this.coarse[at],
      fine: this.fine[at],
      alike: this.fineAlike[at],
    };
  }

  // The class centers in their plane, as widgets/plane.js paints them.
  plane(pixel) {
    const shares = massShares(this.maps.centers);
    const drawn = [this.coarseLabels, this.coarse].map((labels) => labelShares(labels, this.own.channels));
    const steps = moved(this.centersBefore, this.centers, this.present);
    const shown = shares.flatMap((share, i) => (Math.max(share, this.sharesBefore[i]) >= PRESENT && this.sharesBefore[i] > 1e-6 ? [i] : []));
    return {
      centers: shown.map((i) => ({
        label: i,
        before: project(this.centersBefore[i], this.axes),
        after: project(this.centers[i], this.axes),
        moved: steps[i],
        share_before: drawn[0][i],
        share_after: drawn[1][i],
        zero: isZero(this.centers[i]),
      })),
      point: project(featureAt(this.before.reduced, this.cellOf(pixel)), this.axes),
    };
  }
}
