/**
 * The guest image for tests that boot it: pulled once, from the system's Debian mirror, into a folder that later runs find.
 *
 *     CACHE/packages/…deb              Debian's package, downloaded once
 *     CACHE/images-<hash of the room>/ a store, made again whenever the code that makes images changes
 *
 * A lock makes test files that run at the same time wait for one of them.
 */
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { DEBIAN_PACKAGE, type ImageManifest, ImageStore, pullDebian } from "../../src/images/index.ts";
import { testCache, whileLocked } from "./test-cache.ts";

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
    return { dir: store.dir, manifest: await pull(store) };
  });
}

/** Path of Debian's package, downloaded if it is not there yet. */
export async function debianPackage(): Promise<string> {
  await guestImageStore();
  return await whileLocked(join(testCache(), "lock"), async () => {
    const there = await findPackage();
    if (there !== null) return there;
    const store = new ImageStore(await mkdtemp(join(testCache(), "again-")));
    await pull(store);
    await rm(store.dir, { recursive: true });
    return (await findPackage()) as string;
  });
}

async function pull(store: ImageStore): Promise<ImageManifest> {
  const packagePath = await findPackage();
  if (packagePath !== null) return await pullDebian({ store, packagePath });
  const mirror = process.env.UNDERSTUDY_DEBIAN_MIRROR || undefined;
  return await pullDebian({ store, keepPackageIn: packages(), ...(mirror === undefined ? {} : { mirror }) });
}

async function findPackage(): Promise<string | null> {
  const names = await readdir(packages()).catch(() => []);
  const name = names.find((name) => name.startsWith(`${DEBIAN_PACKAGE}_`) && name.endsWith(".deb"));
  return name === undefined ? null : join(packages(), name);
}

function packages(): string {
  return join(testCache(), "packages");
}

/** Changes when the code changes that decides what is in an image. */
async function hashOfRoom(): Promise<string> {
  const hash = createHash("sha256");
  for (const name of (await readdir(ROOM)).filter((name) => name.endsWith(".ts")).sort())
    hash.update(name).update(await readFile(join(ROOM, name)));
  return hash.digest("hex").slice(0, 12);
}
