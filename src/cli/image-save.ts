/** `understudy image save <image> <file>`: an image's archive, to be kept or pushed elsewhere. */
import { createHash } from "node:crypto";
import { open, rm } from "node:fs/promises";
import type { Command } from "commander";
import { UnderstudyError } from "../base/errors.ts";
import type { ImageContent } from "../sdk/index.ts";
import { connect } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import { mebibytes } from "./image-columns.ts";
import { type ProgressPrinter, progressPrinter } from "./progress.ts";
import { note, type Shell } from "./shell.ts";

export function addImageSave(image: Command, shell: Shell): void {
  image
    .command("save")
    .description("download an image's archive, which image push takes")
    .argument("<image>", "id, alias, name, or name@sha256:…")
    .argument("<file>", "where to; it must not be there yet")
    .action(async (name: string, file: string, _options: unknown, command: Command) => {
      const content = await (await connect(command, shell)).images.content(name, {}, { signal: shell.signal });
      const progress = progressPrinter(shell);
      try {
        await save(content, file, progress);
      } finally {
        progress.end();
      }
      note(shell, `Saved ${name} in ${file}, ${content.digest}`);
    });
}

/** There is all of it, or nothing. */
async function save({ stream, sizeBytes, digest }: ImageContent, path: string, progress: ProgressPrinter): Promise<void> {
  const file = await open(path, "wx").catch((error: Error) => {
    throw new UsageError(`Cannot save the image: ${error.message}`);
  });
  try {
    const hash = createHash("sha256");
    let got = 0;
    for await (const chunk of stream) {
      hash.update(chunk);
      await file.writeFile(chunk);
      got += chunk.length;
      progress.show({ step: "download", message: `downloading ${mebibytes(sizeBytes)}`, fraction: got / sizeBytes });
    }
    if (`sha256:${hash.digest("hex")}` !== digest)
      throw new UnderstudyError("digest_mismatch", `Cannot save the image: the bytes that came are not those of ${digest}; try again`);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
