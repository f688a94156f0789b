/** `understudy image pull [name]`: makes the default guest image of Debian's own package, or one of two files. */
import { join } from "node:path";
import { type Command, Option } from "commander";
import { formatOf } from "./connection.ts";
import { UsageError } from "./exit-code.ts";
import { type ImageManifest, ImageStore, imageId, importImage, pullDebian } from "../images/index.ts";
import { outputOption, printOne } from "./output.ts";
import { progressPrinter } from "./progress.ts";
import { note, type Shell } from "./shell.ts";

interface Options {
  readonly mirror?: string;
  readonly kernel?: string;
  readonly initrd?: string;
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
  image
    .command("pull")
    .description("put a guest image into the image store of this machine; the service lists it at once")
    .argument("[name]", "name of the image", "debian")
    .option("--mirror <url>", "Debian mirror to take the package from, instead of the one that apt is set up with")
    .addOption(new Option("--kernel <file>", "a RISC-V kernel image, with --initrd: nothing is downloaded"))
    .addOption(new Option("--initrd <file>", "Debian's netboot initrd, or an initramfs with an /init"))
    .option("--store <dir>", "folder of the image store (UNDERSTUDY_IMAGE_STORE, default .understudy/images)")
    .addOption(outputOption())
    .action(async (name: string, options: Options, command: Command) => {
      const store = new ImageStore(options.store ?? defaultStore(shell));
      const pulled = await pullImage({ ...options, name, store, shell });
      note(shell, `Image "${pulled.name}" is in ${store.dir}`);
      printOne(shell, formatOf(command), pulled, PULLED_LISTING);
    });
}

/** The same place that the control plane and the workers look at. */
export function defaultStore(shell: Shell): string {
  return shell.env["UNDERSTUDY_IMAGE_STORE"] || join(shell.env["UNDERSTUDY_DATA_DIR"] || ".understudy", "images");
}

interface PullOptions {
  readonly name: string;
  readonly mirror?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly store: ImageStore;
  readonly shell: Shell;
}

/** @throws {UsageError} for options that do not go together; {UnderstudyError} as `src/images` says */
export async function pullImage(options: PullOptions): Promise<ImageManifest> {
  const { name, mirror, kernel, initrd, store, shell } = options;
  const progress = progressPrinter(shell);
  try {
    if (kernel !== undefined || initrd !== undefined) {
      if (kernel === undefined || initrd === undefined) throw new UsageError("Cannot make an image: --kernel and --initrd are given together or not at all");
      if (mirror !== undefined) throw new UsageError("Cannot make an image: --mirror has no use with --kernel and --initrd");
      return await importImage({ store, kernelPath: kernel, initrdPath: initrd, name, onProgress: progress.show, signal: shell.signal });
    }
    if (name !== "debian") throw new UsageError(`Cannot pull "${name}": "debian" is the one image that can be pulled; others are made with --kernel and --initrd`);
    return await pullDebian({ store, ...(mirror === undefined ? {} : { mirror }), onProgress: progress.show, signal: shell.signal });
  } finally {
    progress.end();
  }
}
