/**
 * Turns a kernel and an initrd into an image of the store. What comes in may be truncated, damaged or something else
 * altogether: everything is checked before the store is touched.
 */
import { readFile } from "node:fs/promises";
import { UnderstudyError } from "../base/errors.ts";
import { initramfsFor } from "./initramfs.ts";
import { readKernel } from "./kernel-image.ts";
import { type BlobReference, type ImageManifest, type ImageSource, sealManifest } from "./manifest.ts";
import type { ImageStore } from "./store.ts";

/** What is being done, for people. `fraction` is of this step, 0 to 1, null where it cannot be told. */
export interface ImageProgress {
  readonly step: "index" | "download" | "unpack" | "initramfs" | "store";
  readonly message: string;
  readonly fraction: number | null;
}

/**
 * How Debian's kernel is booted unless the caller says otherwise; the reasons and what each is worth are in this room's README.
 */
export const DEFAULT_CMDLINE = [
  "console=ttyS0",
  "earlycon=sbi",
  "loglevel=6",
  "panic=-1",
  "reboot=panic_warm",
  "cryptomgr.notests",
  "initcall_blacklist=jent_mod_init,load_system_certificate_list",
  "nowatchdog",
  "psi=0",
  "sysctl.vm.compaction_proactiveness=0",
].join(" ");

export interface ImportOptions {
  readonly store: ImageStore;
  /** A RISC-V `Image`, plain or compressed. */
  readonly kernelPath: string;
  /** Debian's netboot initrd, which is made small, or any other initramfs with an `/init`, which is taken as it is. */
  readonly initrdPath: string;
  readonly name?: string;
  readonly cmdline?: string;
  readonly onProgress?: (progress: ImageProgress) => void;
  readonly signal?: AbortSignal;
}

/**
 * Makes an image of two files.
 *
 * @throws {UnderstudyError} `file_not_found`, and those of `storeImage`
 */
export async function importImage(options: ImportOptions): Promise<ImageManifest> {
  options.onProgress?.({ step: "unpack", message: "reading the kernel and the initrd", fraction: null });
  const kernel = await readInput(options.kernelPath, "the kernel");
  const initrd = await readInput(options.initrdPath, "the initrd");
  return await storeImage({ ...options, kernel, initrd });
}

export interface StoreImageOptions extends Omit<ImportOptions, "kernelPath" | "initrdPath"> {
  readonly kernel: Uint8Array;
  readonly initrd: Uint8Array;
  readonly source?: ImageSource;
}

/**
 * Checks a kernel and an initrd, makes the initramfs, and lists the image. When it fails, nothing of it is in the store.
 *
 * @throws {UnderstudyError} `image_truncated`, `image_invalid`, `decompressor_missing`, and those of `ImageStore.putBlob`
 */
export async function storeImage(options: StoreImageOptions): Promise<ImageManifest> {
  const { store, signal } = options;
  const progress = options.onProgress ?? (() => {});
  await store.init();
  const kernel = await readKernel(options.kernel, signal);
  signal?.throwIfAborted();

  progress({ step: "initramfs", message: "making the initramfs", fraction: null });
  const initramfs = await initramfsFor(options.initrd, kernel.release, signal);
  signal?.throwIfAborted();

  const received: BlobReference[] = [];
  try {
    progress({ step: "store", message: "storing the kernel", fraction: 0 });
    const kernelBlob = await store.putBlob([kernel.image]);
    received.push(kernelBlob);
    progress({ step: "store", message: "storing the initramfs", fraction: 0.9 });
    const initramfsBlob = await store.putBlob([initramfs]);
    received.push(initramfsBlob);
    const manifest = sealManifest({
      name: options.name ?? "debian",
      kernel: kernelBlob,
      initramfs: initramfsBlob,
      cmdline: options.cmdline ?? DEFAULT_CMDLINE,
      minMemoryMiB: minMemoryMiB(kernel.memoryBytes, initramfs.length),
      createdAt: new Date().toISOString(),
      source: options.source ?? {
        package: null,
        version: null,
        suite: null,
        description: `Linux ${kernel.release} and an initramfs, imported from files`,
      },
      kernelRelease: kernel.release,
    });
    await store.putManifest(manifest);
    progress({ step: "store", message: `stored image "${manifest.name}"`, fraction: 1 });
    return await store.resolve(`${manifest.name}@${manifest.digest}`);
  } catch (error) {
    await store.removeUnused(received).catch(() => {});
    throw error;
  }
}

/**
 * Debian's 6.12 kernel (30.4 MiB with its bss) and our 2.3 MiB initramfs do not boot with 80 MiB, do with 88 and have 14 MiB
 * to spare with 96, which is what this gives for them. The initramfs counts packed, unpacked, and once more for what it runs.
 */
function minMemoryMiB(kernelBytes: number, initramfsBytes: number): number {
  const MiB = 1024 * 1024;
  return Math.ceil((2 * kernelBytes + 3 * initramfsBytes + 24 * MiB) / (16 * MiB)) * 16;
}

async function readInput(path: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new UnderstudyError("file_not_found", `Cannot read ${what} from ${path}: ${(error as Error).message}; check the path`, {
      cause: error,
    });
  }
}
