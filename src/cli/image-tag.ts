/** `understudy image tag <alias> <image>` */
import type { Command } from "commander";
import { connect } from "./connection.ts";
import { note, type Shell } from "./shell.ts";

export function addImageTag(image: Command, shell: Shell): void {
  image
    .command("tag")
    .description("have a name stand for an image: VMs that are created by it get that one from now on")
    .argument("<alias>", "the name: lower-case letters, digits and dashes")
    .argument("<image>", "id, name, or name@sha256:…")
    .action(async (alias: string, target: string, _options: unknown, command: Command) => {
      const { imageId } = await (await connect(command, shell)).images.tag(alias, target, { signal: shell.signal });
      note(shell, `${alias} is ${imageId}`);
    });
}
