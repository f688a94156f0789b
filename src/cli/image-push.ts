/** `understudy image push <source>`: has the service keep an image that is here. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { Readable } from "node:stream";
import type { Command } from "commander";
import { UnderstudyError } from "../base/errors.ts";
import { archiveBytes, archiveOf, type ImageManifest, ImageStore, importImage, readArchive } from "../images/index.ts";
import { connect, formatOf } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import { IMAGE_LISTING, mebibytes } from "./image-columns.ts";
import { defaultStore } from "./image-pull.ts";
import { outputOption, printOne } from "./output.ts";
import { type ProgressPrinter, progressPrinter } from "./progress.ts";
import { note, type Shell } from "./shell.ts";

interface Options {
  readonly name?: string;
  readonly tag?: string;
  readonly store?: string;
}

/** An image's archive, to be read more than once. */
interface Archive {
  readonly sizeBytes: number;
  readonly open: () => AsyncIterable<Uint8Array>;
}

const KERNELS = ["kernel", "linux", "Image", "vmlinuz"];
const INITRDS = ["initramfs", "initrd", "initrd.gz"];

export function addImagePush(image: Command, shell: Shell): void {
  image
    .command("push")
    .description("upload an image to the service, which has it for all of its control planes and workers then")
    .argument("<source>", "an image's archive, a folder with a kernel and an initrd, or the name of an image in this machine's store")
    .option("--name <name>", "what it is called there, instead of what it is called here")
    .option("--tag <alias>", "have this name stand for it, too")
    .option("--store <dir>", "folder of this machine's image store (UNDERSTUDY_IMAGE_STORE, default .understudy/images)")
    .addOption(outputOption())
    .action(async (source: string, options: Options, command: Command) => {
      const { images } = await connect(command, shell);
      const { signal } = shell;
      const progress = progressPrinter(shell);
      const scratch = await mkdtemp(join(tmpdir(), "understudy-push-"));
      try {
        const archive = await archiveFrom(source, options, scratch, shell, progress);
        const digest = await digestOf(archive, signal);
        const open = () => Readable.toWeb(Readable.from(told(archive, progress), { objectMode: false })) as ReadableStream<Uint8Array>;
        const named = options.name === undefined ? {} : { name: options.name };
        const pushed = await images.upload(open, { digest, ...named, signal });
        progress.end();
        if (options.tag !== undefined) {
          await images.tag(options.tag, pushed.id, { signal });
          note(shell, `${options.tag} is ${pushed.id}`);
        }
        printOne(shell, formatOf(command), options.tag === undefined ? pushed : await images.get(pushed.id, { signal }), IMAGE_LISTING);
      } finally {
        progress.end();
        await rm(scratch, { recursive: true, force: true });
      }
    });
}

async function archiveFrom(source: string, options: Options, scratch: string, shell: Shell, progress: ProgressPrinter): Promise<Archive> {
  const info = await stat(source).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return null;
    throw new UsageError(`Cannot push ${source}: ${error.message}`);
  });
  if (info === null) {
    const store = new ImageStore(options.store ?? defaultStore(shell));
    return archiveIn(store, await imageIn(store, source));
  }
  if (!info.isDirectory()) return { sizeBytes: info.size, open: () => createReadStream(source) };
  const store = new ImageStore(scratch);
  const manifest = await importImage({
    store,
    ...(await bootFiles(source)),
    name: options.name ?? basename(resolve(source)),
    onProgress: progress.show,
    signal: shell.signal,
  });
  return archiveIn(store, manifest);
}

/** @throws {UsageError} where the store has no such image, which is no file either */
async function imageIn(store: ImageStore, source: string): Promise<ImageManifest> {
  // No image has a slash in its name.
  if (source.includes("/")) throw new UsageError(`Cannot push ${source}: there is no such file or folder`);
  try {
    return await store.resolve(source);
  } catch (error) {
    if (!(error instanceof UnderstudyError) || error.code !== "image_not_found") throw error;
    const names = [...new Set((await store.list()).map(({ name }) => name))].sort();
    const there = names.length === 0 ? "has none" : `has ${names.join(", ")}`;
    throw new UsageError(
      `Cannot push ${source}: there is no such file or folder, and no image of that name in the store ${store.dir}, which ${there}`,
    );
  }
}

function archiveIn(store: ImageStore, manifest: ImageManifest): Archive {
  const pieces = archiveOf(manifest);
  return { sizeBytes: archiveBytes(pieces), open: () => readArchive(pieces, (digest) => store.blobPath(digest)) };
}

/** @throws {UsageError} unless the folder has one kernel and one initrd */
async function bootFiles(folder: string): Promise<{ readonly kernelPath: string; readonly initrdPath: string }> {
  const names = await readdir(folder);
  const one = (wanted: readonly string[], what: string): string => {
    const [found, ...more] = wanted.filter((name) => names.includes(name));
    if (found !== undefined && more.length === 0) return join(folder, found);
    const there = found === undefined ? "none" : [found, ...more].join(" and ");
    throw new UsageError(`Cannot push ${folder}: it is to have one ${what}, called ${wanted.join(", ")}; it has ${there}`);
  };
  return { kernelPath: one(KERNELS, "kernel"), initrdPath: one(INITRDS, "initrd") };
}

async function digestOf({ open }: Archive, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of open()) {
    signal.throwIfAborted();
    hash.update(chunk);
  }
  return `sha256:${hash.digest("hex")}`;
}

async function* told({ sizeBytes, open }: Archive, progress: ProgressPrinter): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of open()) {
    yield chunk;
    sent += chunk.length;
    progress.show({ step: "upload", message: `uploading ${mebibytes(sizeBytes)}`, fraction: sent / sizeBytes });
  }
}
