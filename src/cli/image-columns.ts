/** How images look in a table. */
import type { Image } from "../sdk/index.ts";
import { age } from "./output.ts";

export const IMAGE_LISTING = {
  columns: [
    { title: "NAME", value: (image: Image) => image.name },
    { title: "ID", value: (image: Image) => image.id },
    { title: "ALIASES", value: (image: Image) => (image.aliases.length === 0 ? "-" : image.aliases.join(",")) },
    { title: "DIGEST", value: (image: Image) => image.digest.slice(0, "sha256:".length + 12) },
    { title: "KERNEL", value: (image: Image) => mebibytes(image.kernel.sizeBytes) },
    { title: "INITRAMFS", value: (image: Image) => mebibytes(image.initramfs.sizeBytes) },
    { title: "LEAST MEMORY", value: (image: Image) => `${image.minMemoryMiB} MiB` },
    { title: "AGE", value: (image: Image) => age(image.createdAt, Date.now()) },
    { title: "COMMAND LINE", value: (image: Image) => image.cmdline, wide: true },
  ],
  json: (image: Image) => image,
  name: (image: Image) => image.name,
};

export function mebibytes(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
