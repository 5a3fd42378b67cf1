// A picture as the network sees it, and what it makes of an edited coarse map. No painting here.

import { applyEdits, ownMaps } from "./edits.js";
import {
  PRESENT, cellsOf, changedShare, densest, enlarged, featureAt, labelsAtSize, likeliest, massShares, moved, namePlaces, principalAxes, project,
  rightShare, similarityMap, similarityToCenters, softmax, unitFeatures, vectorsOf,
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
    this.units.fine = unitFeatures(found.fineFeatures);
  }

  cellOf([row, column]) {
    const [h, w] = [this.own.height, this.own.width];
    return Math.floor((row * h) / this.size[0]) * w + Math.floor((column * w) / this.size[1]);
  }

  absent(label) {
    return !this.edited.includes(label);
  }

  // Are all class centers alike? A stroke after "alike" makes one that is not.
  get alike() {
    return moved(this.centers.slice(1), this.centers.slice(0, -1), []).every((far) => far < 1e-6);
  }

  // The coarse guess in pixels: as the network enlarges it, and the new class of each cell whose class was changed.
  coarseAfter() {
    const [now, own] = [this.edited, this.ownLabels].map((labels) => enlarged(labels, this.own, this.size));
    return this.coarseLabels.map((label, i) => (now[i] === own[i] ? label : now[i]));
  }

  // A pixel at which the class centers decide: coarse guess wrong, fine result right, and wrong again with all centers
  // alike; the one with most of its kind around it. Null where there is none.
  decidedByCenters() {
    const { truth } = this.picture;
    if (!truth) return null;
    const [height, width] = this.size;
    const kind = truth.map((label, i) => Number(label !== 255 && this.fineBefore[i] === label && this.coarseLabels[i] !== label && this.fineAlike[i] !== label));
    const at = densest(kind, height, width);
    return at < 0 ? null : { pixel: [Math.floor(at / width), at % width], coarse: this.coarseLabels[at], fine: this.fineBefore[at], alike: this.fineAlike[at] };
  }

  // ---- what the panels paint

  classMaps() {
    const edited = enlarged(this.edited, this.own, this.size);
    return {
      truth: this.picture.truth,
      coarse: edited,
      fine: this.fine,
      places: { truth: this.picture.truth ? namePlaces(this.picture.truth, this.size) : [], coarse: namePlaces(edited, this.size), fine: namePlaces(this.fine, this.size) },
      changed: changedShare(this.fine, this.fineBefore),
      rightCoarse: rightShare(this.coarseLabels, this.picture.truth),
      rightCoarseAfter: rightShare(this.coarseAfter(), this.picture.truth),
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
      to_centers: similarityToCenters(featureAt(this.found.reduced, cell), this.centers),
      truth: truth ? truth[at] : null,
      coarse: this.edited[cell],
      fine: this.fine[at],
      alike: this.fineAlike[at],
    };
  }

  // The class centers in their plane, as widgets/plane.js paints them.
  plane(pixel) {
    const shares = massShares(this.maps.centers);
    const steps = moved(this.centersBefore, this.centers, this.present);
    const shown = shares.flatMap((share, i) => (Math.max(share, this.sharesBefore[i]) >= PRESENT && this.sharesBefore[i] > 1e-6 ? [i] : []));
    return {
      centers: shown.map((i) => ({
        label: i,
        before: project(this.centersBefore[i], this.axes),
        after: project(this.centers[i], this.axes),
        moved: steps[i],
        share_before: this.sharesBefore[i],
        share_after: shares[i],
        zero: this.centers[i].every((value) => value === 0),
      })),
      point: project(featureAt(this.before.reduced, this.cellOf(pixel)), this.axes),
    };
  }
}
