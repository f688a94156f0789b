/** `understudy image ls` */
import type { Command } from "commander";
import { connect, formatOf } from "./connection.ts";
import { IMAGE_LISTING } from "./image-columns.ts";
import { outputOption, printList } from "./output.ts";
import type { Shell } from "./shell.ts";

export function addImageLs(image: Command, shell: Shell): void {
  image
    .command("ls")
    .description("list the images that the service has")
    .addOption(outputOption())
    .action(async (_options: unknown, command: Command) => {
      printList(shell, formatOf(command), await (await connect(command, shell)).images.list({ signal: shell.signal }).all(), IMAGE_LISTING);
    });
}
