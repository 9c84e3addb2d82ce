// Scores rows by a bundle where there is no Python, with the bits of the service.
//   npm install --ignore-scripts --no-package-lock --prefix deploy/edge
//   node deploy/edge/score.mjs models/bundle < rows.json > answers.json
// Rows are arrays of numbers in the order of `features` in schema.json; null is a value that is missing. It reads a bundle
// whose features are all numbers and whose decision is a threshold. It does not check values: the service does.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { argv, env, exit, stdin } from "node:process";
import { json } from "node:stream/consumers";

env.ORT_DISABLE_TELEMETRY ??= "1"; // read when ONNX Runtime is loaded, therefore no static import
const { InferenceSession, Tensor } = await import("onnxruntime-node");

const folder = argv[2];
const manifest = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));

/** Return the content of a file of the bundle; end if it is not what the manifest says. */
function member(name) {
  const content = readFileSync(join(folder, name));
  if (createHash("sha256").update(content).digest("hex") !== manifest.files[name].sha256) {
    console.error(`error: ${join(folder, name)}: damaged: its sha256 is not what manifest.json says`);
    exit(1);
  }
  return content;
}

const { threshold } = JSON.parse(member("decision.json"));
// As the service does: no optimisation may change an order of additions.
const session = await InferenceSession.create(member("model.onnx"), {
  graphOptimizationLevel: "disabled",
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
});
if (typeof threshold !== "number" || session.inputNames.join() !== "numbers") {
  console.error(`error: ${folder}: only a model of numbers with a threshold is scored here`);
  exit(1);
}

const rows = await json(stdin);
const values = Float64Array.from(rows.flat(), (value) => value ?? NaN);
const { score } = await session.run(
  { numbers: new Tensor("float64", values, [rows.length, values.length / rows.length]) },
  ["score"],
);
const answers = Array.from(score.data, (each) => ({ score: each, prediction: each >= threshold ? 1 : 0 }));
console.log(JSON.stringify(answers));
