/** An image as the public contract shows it. */
import type { ImageRow } from "../db/queries/images.ts";
import type { Image } from "../schemas/image.ts";

export function presentImage(row: ImageRow): Image {
  const { kernel, initramfs, cmdline, minMemoryMiB } = row.manifest;
  return {
    id: row.id,
    name: row.name,
    digest: row.digest,
    kernel: { digest: kernel.digest, sizeBytes: kernel.sizeBytes },
    initramfs: { digest: initramfs.digest, sizeBytes: initramfs.sizeBytes },
    cmdline,
    minMemoryMiB,
    createdAt: row.createdAt.toISOString(),
  };
}
