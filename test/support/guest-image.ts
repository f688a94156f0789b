/**
 * The guest image for tests that boot it: pulled once, from the system's Debian mirror, into a folder that later runs find.
 *
 *     CACHE/packages/…deb              Debian's package, downloaded once
 *     CACHE/images-<hash of the room>/ a store, made again whenever the code that makes images changes
 *
 * CACHE is `UNDERSTUDY_TEST_CACHE`, or a folder of the system's place for temporary files. A lock makes test files that
 * run at the same time wait for one of them.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DEBIAN_PACKAGE, type ImageManifest, ImageStore, pullDebian } from "../../src/images/index.ts";

export interface GuestImageStore {
  /** A store for reading: tests that write to one make their own. */
  readonly dir: string;
  readonly manifest: ImageManifest;
}

const ROOM = fileURLToPath(new URL("../../src/images", import.meta.url));

export async function guestImageStore(): Promise<GuestImageStore> {
  const cache = testCache();
  const store = new ImageStore(join(cache, `images-${await hashOfRoom()}`));
  await store.init();
  return await whileLocked(join(cache, "lock"), async () => {
    const present = (await store.list()).find((image) => image.name === "debian");
    if (present !== undefined && (await store.hasBlob(present.kernel.digest)) && (await store.hasBlob(present.initramfs.digest))) {
      return { dir: store.dir, manifest: present };
    }
    const packagePath = await debianPackageUnlocked();
    return { dir: store.dir, manifest: await pullDebian({ store, packagePath }) };
  });
}

/** Path of Debian's package, downloaded if it is not there yet. */
export async function debianPackage(): Promise<string> {
  await mkdir(testCache(), { recursive: true });
  return await whileLocked(join(testCache(), "lock"), debianPackageUnlocked);
}

async function debianPackageUnlocked(): Promise<string> {
  const folder = join(testCache(), "packages");
  const find = async () => (await readdir(folder).catch(() => [])).find((name) => name.startsWith(`${DEBIAN_PACKAGE}_`) && name.endsWith(".deb"));
  if ((await find()) === undefined) await pullDebian({ store: new ImageStore(join(testCache(), "first-pull")), keepPackageIn: folder });
  return join(folder, (await find()) as string);
}

function testCache(): string {
  return process.env.UNDERSTUDY_TEST_CACHE || join(tmpdir(), "understudy-test-cache");
}

/** Changes when the code changes that decides what is in an image. */
async function hashOfRoom(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(ROOM)).filter((name) => name.endsWith(".ts")).sort()) hash.update(name).update(await readFile(join(ROOM, name)));
  return hash.digest("hex").slice(0, 12);
}

/** The kernel's lock on a file, held by `flock`: it blocks without polling, and dies with its holder. */
async function whileLocked<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  const holder = spawn("flock", ["--exclusive", path, "sh", "-c", "echo locked; cat"], { stdio: ["pipe", "pipe", "inherit"] });
  const closed = new Promise<void>((resolve) => holder.once("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    holder.once("error", reject);
    holder.stdout.once("data", () => resolve());
    holder.once("close", (status) => reject(new Error(`Cannot lock ${path}: flock ended with status ${status}`)));
  });
  try {
    return await action();
  } finally {
    holder.stdin.end();
    await closed;
  }
}
