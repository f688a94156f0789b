/** `understudy image pull [name]`: makes the default guest image of Debian's own package, or one of two files. */
import { join } from "node:path";
import type { Command } from "commander";
import { type ImageManifest, ImageStore, imageId, importImage, pullDebian } from "../images/index.ts";
import { formatOf } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import { outputOption, printOne } from "./output.ts";
import { progressPrinter } from "./progress.ts";
import { note, type Shell } from "./shell.ts";

/** Where an image is made from; nothing given: the package that the system's apt finds. */
export interface ImageSourceOptions {
  readonly mirror?: string;
  readonly package?: string;
  readonly kernel?: string;
  readonly initrd?: string;
}

interface Options extends ImageSourceOptions {
  readonly store?: string;
}

const PULLED_LISTING = {
  columns: [
    { title: "NAME", value: (image: ImageManifest) => image.name },
    { title: "ID", value: (image: ImageManifest) => imageId(image) },
    { title: "KERNEL", value: (image: ImageManifest) => image.kernelRelease },
    { title: "SOURCE", value: (image: ImageManifest) => image.source.package ?? "files" },
    { title: "DIGEST", value: (image: ImageManifest) => image.digest },
  ],
  json: (image: ImageManifest) => ({ id: imageId(image), ...image }),
  name: (image: ImageManifest) => image.name,
};

export function addImagePull(image: Command, shell: Shell): void {
  const pull = image
    .command("pull")
    .description("put a guest image into the image store of this machine; the service lists it at once")
    .argument("[name]", "name of the image", "debian")
    .option("--store <dir>", "folder of the image store (UNDERSTUDY_IMAGE_STORE, default .understudy/images)")
    .addOption(outputOption());
  addImageSourceOptions(pull);
  pull.action(async (name: string, options: Options, command: Command) => {
    const store = new ImageStore(options.store ?? defaultStore(shell));
    const pulled = await pullImage({ source: options, name, store, shell });
    note(shell, `Image "${pulled.name}" is in ${store.dir}`);
    printOne(shell, formatOf(command), pulled, PULLED_LISTING);
  });
}

export function addImageSourceOptions(command: Command): void {
  command
    .option("--mirror <url>", "Debian mirror for the guest image, instead of those that apt is set up with (UNDERSTUDY_DEBIAN_MIRROR)")
    .option("--package <file>", "make the guest image of this Debian package: nothing is downloaded")
    .option("--kernel <file>", "make the guest image of this RISC-V kernel and --initrd: nothing is downloaded")
    .option("--initrd <file>", "Debian's netboot initrd, or an initramfs with an /init");
}

/** The same place that the control plane and the workers look at. */
export function defaultStore(shell: Shell): string {
  return shell.env.UNDERSTUDY_IMAGE_STORE || join(shell.env.UNDERSTUDY_DATA_DIR || ".understudy", "images");
}

interface PullOptions {
  readonly name: string;
  readonly source: ImageSourceOptions;
  readonly store: ImageStore;
  readonly shell: Shell;
}

/** @throws {UsageError} for options that do not go together; {UnderstudyError} as `src/images` says */
export async function pullImage({ name, source, store, shell }: PullOptions): Promise<ImageManifest> {
  const { kernel, initrd } = source;
  if ((kernel === undefined) !== (initrd === undefined))
    throw new UsageError("Cannot make an image: --kernel and --initrd are given together or not at all");
  const sources = [source.mirror, source.package, kernel].filter((given) => given !== undefined);
  if (sources.length > 1)
    throw new UsageError("Cannot make an image of several sources: give one of --mirror, --package, and --kernel with --initrd");
  const mirror = source.mirror ?? (shell.env.UNDERSTUDY_DEBIAN_MIRROR || undefined);
  const progress = progressPrinter(shell);
  const { signal } = shell;
  try {
    if (kernel !== undefined && initrd !== undefined) {
      return await importImage({ store, kernelPath: kernel, initrdPath: initrd, name, onProgress: progress.show, signal });
    }
    return await pullDebian({
      store,
      name,
      ...(mirror === undefined ? {} : { mirror }),
      ...(source.package === undefined ? {} : { packagePath: source.package }),
      onProgress: progress.show,
      signal,
    });
  } finally {
    progress.end();
  }
}
