/** An image as the public contract shows it. */
import type { ImageRow } from "../db/queries/images.ts";
import type { ImageAliasRow } from "../db/schema.ts";
import type { Image, ImageAlias } from "../schemas/image.ts";

export function presentImage(row: ImageRow, aliases: readonly ImageAliasRow[]): Image {
  const { kernel, initramfs, cmdline, minMemoryMiB } = row.manifest;
  return {
    id: row.id,
    name: row.name,
    digest: row.digest,
    kernel: { digest: kernel.digest, sizeBytes: kernel.sizeBytes },
    initramfs: { digest: initramfs.digest, sizeBytes: initramfs.sizeBytes },
    cmdline,
    minMemoryMiB,
    aliases: aliases.filter(({ imageId }) => imageId === row.id).map(({ name }) => name),
    createdAt: row.createdAt.toISOString(),
  };
}

export function presentImageAlias({ name, imageId, updatedAt }: ImageAliasRow): ImageAlias {
  return { name, imageId, updatedAt: updatedAt.toISOString() };
}
