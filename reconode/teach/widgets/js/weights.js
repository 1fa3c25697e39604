// @ts-check
// From the site's own folder, or from the page itself: the manifest of the models, and their weights, each checked before
// it is used.
import { readTensors } from "./safetensors.js";

const FORMAT = 1; // reconode.export.FORMAT

/** @typedef {import("./models.js").Plan | TotalVariationPlan} AnyPlan */
/** @typedef {{kind: "tv", weight: number, iterations: number, tolerance: number}} TotalVariationPlan */
/** @typedef {{file: string, bytes: number, sha256: string, tensors: Record<string, number[]>}} File */
/** @typedef {{title: string, parameters: number, plan: AnyPlan, weights: Record<string, File>}} About */
/** @typedef {{format: number, reconode: string, models: Record<string, About>}} Manifest */
/** @typedef {(loaded: number, total: number) => void} Progress */
/** @typedef {Record<string, ArrayBuffer>} Files what came with the page, by name */

/** @param {ArrayBuffer} file @returns {Promise<string>} "" where the browser may not tell, off https */
async function fingerprint(file) {
  if (!globalThis.crypto?.subtle) return "";
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * A file's bytes, with progress.
 * @param {string} url @param {number} bytes that it should have; 0 when that is not known @param {Progress} progress
 * @param {Files} files
 */
async function download(url, bytes, progress, files) {
  const name = url.split("/").pop()?.split("?")[0] ?? "";
  if (name in files) return files[name];
  const response = await fetch(url).catch(() => null);
  if (!response?.ok || !response.body) throw new Error(`${name} could not be loaded; is the network there? Try again`);
  const parts = [];
  let loaded = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    parts.push(value);
    loaded += value.length;
    if (bytes && loaded > bytes) break; // another file; no need to see its end
    progress(loaded, bytes || loaded);
  }
  return new Blob(parts).arrayBuffer();
}

/**
 * @param {string} folder ends in a slash
 * @param {string} sha256 of the manifest that the page was built with
 * @param {Files} files
 * @returns {Promise<Manifest>}
 */
export async function readManifest(folder, sha256, files) {
  // Weights have their content's fingerprint in their names; this name stays, and browsers keep files by their names.
  const file = await download(`${folder}manifest.json?${sha256.slice(0, 8)}`, 0, () => {}, files);
  const found = await fingerprint(file);
  if (found && sha256 && found !== sha256) {
    throw new Error("the models on the site are of another version than this page; load the page again");
  }
  let manifest;
  try {
    manifest = JSON.parse(new TextDecoder().decode(file));
  } catch {
    throw new Error("manifest.json is damaged; load the page again");
  }
  if (manifest?.format !== FORMAT) {
    throw new Error(`the models are in format ${manifest?.format} and this page reads ${FORMAT}; load the page again`);
  }
  return manifest;
}

/**
 * A model's tensors.
 * @param {{folder: string, files: Files}} from @param {File} about @param {Progress} progress
 */
export async function readWeights({ folder, files }, about, progress) {
  const file = await download(folder + about.file, about.bytes, progress, files);
  const other = `${about.file} is of another version than the manifest; load the page again`;
  if (file.byteLength !== about.bytes) throw new Error(other);
  const found = await fingerprint(file);
  if (found && found !== about.sha256) throw new Error(other);
  const tensors = readTensors(file, about.file);
  for (const [name, shape] of Object.entries(about.tensors)) {
    if (String(tensors[name]?.shape) !== String(shape)) {
      throw new Error(`${about.file}: ${name} is not of the shape that the manifest says; load the page again`);
    }
  }
  return tensors;
}
