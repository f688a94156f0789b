/**
 * `understudy image pull debian`: Debian 13's riscv64 kernel and a small initramfs, both from the signed package of its
 * network installer.
 *
 *     apt: mirror's index, signature, package -> deb: `linux`, `initrd.gz` -> import: small initramfs, store, manifest
 */
import { copyFile, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { UnderstudyError } from "../base/errors.ts";
import { type DownloadedPackage, downloadPackage, PACKAGE_FILE } from "./apt.ts";
import { debianMirrors, mirrorsOfTemplate, readAptSources } from "./apt-sources.ts";
import { extractDeb } from "./deb.ts";
import { type ImageProgress, storeImage } from "./import.ts";
import type { ImageManifest } from "./manifest.ts";
import { type ImageStore, toStoreError } from "./store.ts";

export const DEBIAN_PACKAGE = "debian-installer-13-netboot-riscv64";
export const DEBIAN_SUITE = "trixie";

/** Where packages come from, and how they are checked. */
export interface PackageSource {
  /** A mirror of Debian's archive; by default those that the system's apt configuration names, or its python-apt. */
  readonly mirror?: string | undefined;
  readonly keyring?: string;
  /** Where the system's apt configuration is. */
  readonly aptDir?: string;
  /** Where python-apt has its templates of distributions. */
  readonly templateDir?: string;
  readonly onProgress?: (progress: ImageProgress) => void;
  readonly signal?: AbortSignal;
}

export interface PullOptions extends PackageSource {
  readonly store: ImageStore;
  /** The package's file, if it is here already: nothing is downloaded, and no signature checked. */
  readonly packagePath?: string;
  /** A folder that gets the downloaded package, for a later `packagePath`. */
  readonly keepPackageIn?: string;
  readonly name?: string;
  readonly cmdline?: string;
}

/**
 * @throws {UnderstudyError} `mirror_unknown`, `apt_missing`, `keyring_missing`, `image_download_failed`, and those of `storeImage`
 */
export async function pullDebian(options: PullOptions): Promise<ImageManifest> {
  const { store, signal, onProgress } = options;
  await store.init();
  const work = await makeWorkFolder(store);
  try {
    const deb =
      options.packagePath !== undefined
        ? givenPackage(options.packagePath)
        : await downloadDebianPackage(DEBIAN_PACKAGE, undefined, work, options);
    signal?.throwIfAborted();
    if (options.keepPackageIn !== undefined) await keepPackage(deb.path, options.keepPackageIn);

    onProgress?.({ step: "unpack", message: `unpacking ${DEBIAN_PACKAGE} ${deb.version}`, fraction: null });
    const { kernel, initrd } = pickNetboot(await extractDeb(deb.path, { want: isNetbootFile, signal }), deb.path);
    signal?.throwIfAborted();
    return await storeImage({
      store,
      kernel,
      initrd,
      name: options.name,
      cmdline: options.cmdline,
      onProgress,
      signal,
      source: {
        package: DEBIAN_PACKAGE,
        version: deb.version,
        suite: DEBIAN_SUITE,
        description: "Debian 13 for riscv64: the kernel of the network installer, and an initramfs with its busybox",
      },
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function givenPackage(path: string): DownloadedPackage {
  const name = basename(path);
  const match = PACKAGE_FILE.exec(name);
  if (match?.[1] !== DEBIAN_PACKAGE) {
    throw new UnderstudyError(
      "image_invalid",
      `Cannot use the package ${path}: its name is not that of ${DEBIAN_PACKAGE}, such as ${DEBIAN_PACKAGE}_VERSION_all.deb`,
    );
  }
  return { path, version: decodeURIComponent(match[2] as string) };
}

/** Under its name only when it is whole. */
async function keepPackage(path: string, folder: string): Promise<void> {
  const target = join(folder, basename(path));
  try {
    await mkdir(folder, { recursive: true });
    await copyFile(path, `${target}.part`);
    await rename(`${target}.part`, target);
  } catch (error) {
    await rm(`${target}.part`, { force: true });
    throw toStoreError(error, "keep the Debian package", folder);
  }
}

async function mirrorsFor(options: PackageSource): Promise<string[]> {
  if (options.mirror !== undefined) return [options.mirror.replace(/\/+$/, "")];
  const aptDir = options.aptDir ?? "/etc/apt";
  const sources = await readAptSources(aptDir);
  const mirrors = debianMirrors(sources);
  if (mirrors.length > 0) return mirrors;
  const template = await readFile(join(options.templateDir ?? "/usr/share/python-apt/templates", "Debian.info"), "utf8").catch(() => "");
  const known = mirrorsOfTemplate(template);
  if (known.length > 0) return known;
  const why = sources.length === 0 ? `${aptDir} names no package sources` : `the package sources in ${aptDir} are not Debian's`;
  throw new UnderstudyError(
    "mirror_unknown",
    `Cannot tell where Debian's archive is: ${why}; do one of these, then start again: ` +
      `"apt-get install python-apt-common", which knows where it is; ` +
      `set UNDERSTUDY_DEBIAN_MIRROR, or give --mirror URL, with a mirror of Debian's archive (a URL that ends in /debian); ` +
      `give the installer's files with --kernel FILE --initrd FILE`,
  );
}

/** Below the store, so that it is on the disk that was chosen for data; a dead process's is swept with the rest. */
async function makeWorkFolder(store: ImageStore): Promise<string> {
  const parent = join(store.dir, "incoming");
  try {
    await mkdir(parent, { recursive: true });
    return await mkdtemp(join(parent, "pull-"));
  } catch (error) {
    throw toStoreError(error, "make a folder in the image store", store.dir);
  }
}

/**
 * Downloads a package of the suite, signed, from the first mirror that has it.
 *
 * @param architecture undefined: the package is for all of them
 * @param work an existing, private folder, for apt's state and the package
 * @throws {UnderstudyError} the first mirror's error if none has it, since that one is the likeliest
 */
export async function downloadDebianPackage(
  name: string,
  architecture: string | undefined,
  work: string,
  options: PackageSource,
): Promise<DownloadedPackage> {
  let failure: unknown = null;
  for (const [index, mirror] of (await mirrorsFor(options)).entries()) {
    const dir = join(work, `apt-${index}`);
    await mkdir(dir);
    try {
      return await downloadPackage({
        package: name,
        suite: DEBIAN_SUITE,
        architecture,
        mirror,
        dir,
        keyring: options.keyring,
        signal: options.signal,
        onProgress: (step, message, fraction) => options.onProgress?.({ step, message, fraction }),
      });
    } catch (error) {
      if (!(error instanceof UnderstudyError) || error.code !== "image_download_failed")
        throw toStoreError(error, "download the Debian package", work);
      failure ??= error;
    }
  }
  throw failure;
}

const NETBOOT_FILE = /(^|\/)riscv64\/(.*\/)?(linux|vmlinu[xz]|initrd\.gz)$/;

function isNetbootFile(path: string): boolean {
  // The package has the installer's two faces; the text one is the smaller, and has the same kernel.
  return NETBOOT_FILE.test(path) && !path.includes("/gtk/");
}

function pickNetboot(files: ReadonlyMap<string, Uint8Array>, path: string): { kernel: Uint8Array; initrd: Uint8Array } {
  const find = (pattern: RegExp) => [...files].find(([name]) => pattern.test(name))?.[1];
  const kernel = find(/\/(linux|vmlinu[xz])$/);
  const initrd = find(/\/initrd\.gz$/);
  if (kernel === undefined || initrd === undefined) {
    throw new UnderstudyError(
      "image_invalid",
      `Cannot use the package ${path}: it has no riscv64 ${kernel === undefined ? "kernel" : "initrd.gz"} (found: ${[...files.keys()].join(", ") || "nothing"})`,
    );
  }
  return { kernel, initrd };
}
