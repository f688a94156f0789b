/** `understudy image ls` */
import type { Command } from "commander";
import type { Image } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { age, outputOption, printList } from "./output.ts";
import type { Shell } from "./shell.ts";

const IMAGE_LISTING = {
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

export function addImageLs(image: Command, shell: Shell): void {
  image
    .command("ls")
    .description("list the images that the service has")
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      printList(shell, formatOf(command), await (await connect(command, shell)).images.list({ signal: shell.signal }), IMAGE_LISTING);
    });
}

function mebibytes(bytes: number): string {
  return `${(bytes / (1 << 20)).toFixed(1)} MiB`;
}
