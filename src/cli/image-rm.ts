/** `understudy image rm <image>` */
import type { Command } from "commander";
import type { ImageAlias } from "../sdk/index.ts";
import { connect, formatOf } from "./connection.ts";
import { IMAGE_LISTING } from "./image-columns.ts";
import { outputOption, printOne } from "./output.ts";
import { note, type Shell } from "./shell.ts";

const ALIAS_LISTING = {
  columns: [
    { title: "ALIAS", value: ({ name }: ImageAlias) => name },
    { title: "IMAGE", value: ({ imageId }: ImageAlias) => imageId },
  ],
  json: (alias: ImageAlias) => alias,
  name: ({ name }: ImageAlias) => name,
};

export function addImageRm(image: Command, shell: Shell): void {
  image
    .command("rm")
    .description("delete an image that no VM is made from; or an alias alone, with --alias")
    .argument("<image>", "id, alias, name, or name@sha256:…")
    .option("--alias", "it is an alias: take that away, and keep the image")
    .addOption(outputOption())
    .action(async (name: string, { alias }: { readonly alias?: boolean }, command: Command) => {
      const { images } = await connect(command, shell);
      if (alias === true) {
        const untagged = await images.untag(name, { signal: shell.signal });
        note(shell, `Took the alias ${name} away`);
        printOne(shell, formatOf(command), untagged, ALIAS_LISTING);
        return;
      }
      const deleted = await images.delete(name, { signal: shell.signal });
      note(shell, `Deleted ${deleted.name}, ${deleted.id}`);
      printOne(shell, formatOf(command), deleted, IMAGE_LISTING);
    });
}
