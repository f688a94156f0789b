/** An image store with small files in the place of a kernel: enough for whoever only hands out digests, or with a kernel of a test. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ImageStore } from "../../../src/images/index.ts";
import { sealManifest } from "../../../src/images/manifest.ts";

export async function makeImageStore(
  name = "debian",
  minMemoryMiB = 96,
  kernelBytes: Uint8Array = Buffer.from("the kernel's bytes"),
): Promise<ImageStore> {
  const store = new ImageStore(await mkdtemp(join(tmpdir(), "understudy-control-images-")));
  await store.init();
  const kernel = await store.putBlob([kernelBytes]);
  const initramfs = await store.putBlob([Buffer.from("the initramfs's bytes")]);
  const source = { package: null, version: null, suite: null, description: "made by a test" };
  const createdAt = "2026-01-02T03:04:05.000Z";
  await store.putManifest(
    sealManifest({ name, kernel, initramfs, cmdline: "console=ttyS0", minMemoryMiB, createdAt, source, kernelRelease: "6.12.0" }),
  );
  return store;
}
