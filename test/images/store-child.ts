/**
 * Run by `store.test.ts` as a process of its own, under limits that a test must not set for itself.
 *
 *     store-child.ts DIR full     puts 4 MiB, says what became of it and what is in the folder
 *     store-child.ts DIR files    the same with no file descriptor left to open
 *     store-child.ts DIR pull     pulls an image from the package file in PACKAGE
 */
import { closeSync, openSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { ImageStore, pullDebian } from "../../src/images/index.ts";

const [dir = "", mode = ""] = process.argv.slice(2);
const store = new ImageStore(dir);
await store.init();

/** Loads what an error path needs, before there is no descriptor left to load it with. */
await store.putBlob([new Uint8Array(10)]);

const descriptors: number[] = [];
if (mode === "files") {
  for (let more = true; more; ) {
    try {
      descriptors.push(openSync("/dev/null", "r"));
    } catch {
      more = false;
    }
  }
}

function* fourMebibytes(): Generator<Uint8Array> {
  for (let i = 0; i < 64; i++) yield new Uint8Array(65536).fill(i);
}

const operation = mode === "pull" ? pullDebian({ store, packagePath: process.env.PACKAGE }) : store.putBlob(fourMebibytes());
const outcome = await operation.then(
  () => ({ code: "no error", message: "" }),
  (error: { code?: string; message: string }) => ({ code: error.code, message: error.message }),
);
for (const descriptor of descriptors) closeSync(descriptor);
const left = {
  incoming: await readdir(`${dir}/incoming`),
  blobs: await readdir(`${dir}/blobs/sha256`),
  manifests: await readdir(`${dir}/manifests`),
};
console.log(JSON.stringify({ ...outcome, ...left }));
