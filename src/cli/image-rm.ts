/** `understudy image rm <image>` */
import type { Command } from "commander";
import { connect } from "./connection.ts";
import { note, type Shell } from "./shell.ts";

export function addImageRm(image: Command, shell: Shell): void {
  image
    .command("rm")
    .description("delete an image that no VM is made from; or an alias alone, with --alias")
    .argument("<image>", "id, alias, name, or name@sha256:…")
    .option("--alias", "it is an alias: take that away, and keep the image")
    .action(async (name: string, { alias }: { readonly alias?: boolean }, command: Command) => {
      const { images } = await connect(command, shell);
      if (alias === true) {
        await images.untag(name, { signal: shell.signal });
        note(shell, `Took the alias ${name} away`);
        return;
      }
      const { id, name: deleted } = await images.delete(name, { signal: shell.signal });
      note(shell, `Deleted ${deleted}, ${id}`);
    });
}
