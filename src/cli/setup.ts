/** `understudy setup`: what an installation of several hosts or containers shares, made where it is missing. */
import type { Command } from "commander";
import { addImageSourceOptions, defaultStore, type ImageSourceOptions } from "./image-pull.ts";
import { note, type Shell } from "./shell.ts";
import { DataDirectory } from "./up/data-directory.ts";
import { ensureGuestImage } from "./up/guest-image.ts";

interface Options extends ImageSourceOptions {
  readonly dataDir: string;
  readonly store?: string;
}

export function addSetup(program: Command, shell: Shell): void {
  const command = program
    .command("setup")
    .description("make the tokens and the guest image where they are missing, and start nothing")
    .option("--data-dir <dir>", "folder of the tokens (UNDERSTUDY_DATA_DIR)", shell.env.UNDERSTUDY_DATA_DIR || ".understudy")
    .option("--store <dir>", "folder of the image store (UNDERSTUDY_IMAGE_STORE, default .understudy/images)");
  addImageSourceOptions(command);
  command.action(async (options: Options) => {
    const directory = new DataDirectory(options.dataDir);
    await directory.prepareTokens();
    note(shell, `The API's token is in ${directory.tokenFile}, the workers' in ${directory.joinTokenFile}`);
    const store = options.store ?? defaultStore(shell);
    await ensureGuestImage(store, options, shell);
    note(shell, `The guest image is in ${store}`);
  });
}
