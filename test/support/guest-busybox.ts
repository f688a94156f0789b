/**
 * Debian's busybox for riscv64, linked statically: it has the programs that the installer's lacks. Downloaded once, as the guest
 * image is and from the same suite, into a folder that later runs find.
 */
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { extractDeb } from "../../src/images/deb.ts";
import { downloadDebianPackage } from "../../src/images/index.ts";
import { testCache, whileLocked } from "./test-cache.ts";

const PACKAGE = "busybox-static";

export interface GuestBusybox {
  readonly program: Uint8Array;
  /** The package's file name, which says the version. */
  readonly source: string;
}

export async function guestBusybox(): Promise<GuestBusybox> {
  const packages = join(testCache(), "packages");
  await mkdir(packages, { recursive: true });
  const path = await whileLocked(join(testCache(), "lock"), async () => (await find(packages)) ?? (await download(packages)));
  const [program] = (await extractDeb(path, { want: (file) => /^(usr\/)?bin\/busybox$/.test(file) })).values();
  if (program === undefined) throw new Error(`Cannot use ${path}: it has no busybox`);
  return { program, source: basename(path) };
}

async function find(packages: string): Promise<string | null> {
  const name = (await readdir(packages)).find((name) => name.startsWith(`${PACKAGE}_`) && name.endsWith("_riscv64.deb"));
  return name === undefined ? null : join(packages, name);
}

/** Under its name only when it is whole. */
async function download(packages: string): Promise<string> {
  const work = await mkdtemp(join(testCache(), "busybox-"));
  try {
    const { path } = await downloadDebianPackage(PACKAGE, "riscv64", work, { mirror: process.env.UNDERSTUDY_DEBIAN_MIRROR || undefined });
    const target = join(packages, basename(path));
    await copyFile(path, `${target}.part`);
    await rename(`${target}.part`, target);
    return target;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
