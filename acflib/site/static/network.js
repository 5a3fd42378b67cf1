// The networks, run by onnxruntime in WebAssembly. The files come from `acflib onnx`; network.json says what they are.

import * as ort from "./runtime/ort.js";
import { fetched } from "./pictures.js";

ort.env.wasm.wasmPaths = { wasm: new URL("./runtime/ort.wasm", import.meta.url).href };
ort.env.wasm.numThreads = 1; // more would need headers that a plain server does not send
ort.env.logLevel = "error";

const mapOf = ({ data, dims }) => ({ values: data, channels: dims[1], height: dims[2], width: dims[3] });
const tensorOf = ({ values, channels, height, width }) => new ort.Tensor("float32", values, [1, channels, height, width]);

async function session(address) {
  const content = new Uint8Array(await (await fetched(address)).arrayBuffer());
  return ort.InferenceSession.create(content, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
}

export class Network {
  constructor(about) {
    this.about = about;
    this.baseline = null;
  }

  static async load() {
    const network = new Network(JSON.parse(await (await fetched("data/network.json")).text()));
    [network.base, network.head] = await Promise.all(["data/base.onnx", "data/head.onnx"].map(session));
    return network;
  }

  // The network of the first similarity map; it may come later than the others.
  async loadBaseline() {
    if (this.about.baseline) this.baseline = await session("data/baseline.onnx");
  }

  // RGB from 0 to 1, minus mean, divided by std: (3, H, W).
  normalized({ pixels, size: [height, width] }) {
    const count = height * width;
    const values = new Float32Array(3 * count);
    for (let k = 0; k < 3; k++) {
      const [mean, std] = [this.about.mean[k], this.about.std[k]];
      for (let i = 0; i < count; i++) values[k * count + i] = (pixels[4 * i + k] / 255 - mean) / std;
    }
    return { values, channels: 3, height, width };
  }

  // The features and coarse logits of a picture.
  async look(picture) {
    const found = await this.base.run({ image: tensorOf(this.normalized(picture)) });
    return { features: mapOf(found.features), coarse: mapOf(found.coarse_logits) };
  }

  async baselineFeatures(picture) {
    return mapOf((await this.baseline.run({ image: tensorOf(this.normalized(picture)) })).features);
  }

  // Class centers and fine result for class maps of any making.
  async decide(features, centers, attention) {
    const given = { features: tensorOf(features), center_probs: tensorOf(centers), attention_probs: tensorOf(attention) };
    const found = await this.head.run(given);
    return {
      centers: found.centers.data,
      attended: mapOf(found.attended),
      fineFeatures: mapOf(found.fine_features),
      fine: mapOf(found.fine_logits),
      reduced: mapOf(found.reduced),
    };
  }
}
