/** Archives of small images: a kernel that has the header of one, and nothing that would run. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { archiveOf, type ImageManifest, ImageStore, readArchive } from "../../../src/images/index.ts";
import { sealManifest } from "../../../src/images/manifest.ts";

export interface SmallImage {
  readonly manifest: ImageManifest;
  readonly archive: Buffer<ArrayBuffer>;
}

interface Contents {
  readonly kernel?: Uint8Array;
  readonly initramfs?: Uint8Array;
}

export async function smallImage(name: string, contents: Contents = {}): Promise<SmallImage> {
  const store = new ImageStore(await mkdtemp(join(tmpdir(), "understudy-small-image-")));
  try {
    await store.init();
    const manifest = sealManifest({
      name,
      kernel: await store.putBlob([contents.kernel ?? flatKernel(`the kernel of ${name}`)]),
      initramfs: await store.putBlob([contents.initramfs ?? Buffer.from(`the initramfs of ${name}`)]),
      cmdline: "console=ttyS0",
      minMemoryMiB: 96,
      createdAt: "2026-01-02T03:04:05.000Z",
      source: { package: null, version: null, suite: null, description: "made by a test" },
      kernelRelease: "6.12.0",
    });
    const archive = await buffer(readArchive(archiveOf(manifest), (digest) => store.blobPath(digest)));
    return { manifest, archive: Buffer.from(archive) };
  } finally {
    await rm(store.dir, { recursive: true });
  }
}

/** The header of a flat Image, and text. */
export function flatKernel(text: string): Uint8Array {
  const header = Buffer.alloc(64);
  header.writeBigUInt64LE(1n << 20n, 16);
  header.write("RISCV\0\0\0", 48, "latin1");
  header.write("RSC\x05", 56, "latin1");
  return Buffer.concat([header, Buffer.from(text)]);
}
