/** The folder of images: whole and checked, or not there; many processes at once; disks that are full. */
import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type ImageManifest, ImageStore, imageId } from "../../src/images/index.ts";
import { sealManifest } from "../../src/images/manifest.ts";
import { toStoreError } from "../../src/images/store.ts";
import { debianPackage } from "../support/guest-image.ts";

/** Some tests start processes, or pull: generous on a busy machine. */
vi.setConfig({ testTimeout: 240_000 });

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

async function newStore(): Promise<ImageStore> {
  const dir = await mkdtemp(join(tmpdir(), "understudy-store-"));
  folders.push(dir);
  const store = new ImageStore(dir);
  await store.init();
  return store;
}

const bytes = (text: string) => new TextEncoder().encode(text);
const digestOf = (data: Uint8Array) => `sha256:${createHash("sha256").update(data).digest("hex")}`;
const filesOf = async (store: ImageStore, folder: string) => await readdir(join(store.dir, folder));

async function problem(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  return await promise.then(
    () => ({ code: "no error", message: "" }),
    (error: { code: string; message: string }) => error,
  );
}

async function putImage(store: ImageStore, name: string, content = name, createdAt = "2026-01-01T00:00:00.000Z"): Promise<ImageManifest> {
  const manifest = sealManifest({
    name,
    kernel: await store.putBlob([bytes(`kernel of ${content}`)]),
    initramfs: await store.putBlob([bytes("the same initramfs")]),
    cmdline: "console=ttyS0",
    minMemoryMiB: 96,
    createdAt,
    source: { package: null, version: null, suite: null, description: "a test" },
    kernelRelease: "6.12.0",
  });
  await store.putManifest(manifest);
  return manifest;
}

describe("a blob", () => {
  it("is found under the digest of its bytes", async () => {
    const store = await newStore();
    const data = randomBytes(300_000);
    const { digest, sizeBytes } = await store.putBlob([data.subarray(0, 1000), new Uint8Array(0), data.subarray(1000)]);
    expect(digest).toBe(digestOf(data));
    expect(sizeBytes).toBe(data.length);
    expect(await store.hasBlob(digest)).toBe(true);
    expect(Buffer.compare(await store.readBlob(digest), data)).toBe(0);
    expect(Buffer.compare(await readFile(store.blobPath(digest)), data)).toBe(0);
    expect(await filesOf(store, "incoming")).toEqual([]);
  });

  it("with another digest than expected is refused, and nothing of it stays", async () => {
    const store = await newStore();
    const wanted = digestOf(bytes("wanted"));
    const { code, message } = await problem(store.putBlob([bytes("sent")], wanted));
    expect(code).toBe("digest_mismatch");
    expect(message).toContain(wanted);
    expect(message).toContain(digestOf(bytes("sent")));
    expect(await filesOf(store, "incoming")).toEqual([]);
    expect(await filesOf(store, "blobs/sha256")).toEqual([]);
  });

  it("whose stream breaks is not there, and the stream's own error is what comes out", async () => {
    const store = await newStore();
    async function* breaking(): AsyncGenerator<Uint8Array> {
      yield bytes("half of it");
      throw new Error("the connection is gone");
    }
    await expect(store.putBlob(breaking())).rejects.toThrow("the connection is gone");
    expect(await filesOf(store, "incoming")).toEqual([]);
    expect(await filesOf(store, "blobs/sha256")).toEqual([]);
  });

  it("may be put by several at once, through several stores of one folder", async () => {
    const store = await newStore();
    const data = randomBytes(1 << 20);
    const pieces = () => Array.from({ length: 16 }, (_none, index) => data.subarray(index * 65536, (index + 1) * 65536));
    const results = await Promise.all(Array.from({ length: 8 }, () => new ImageStore(store.dir).putBlob(pieces(), digestOf(data))));
    expect(new Set(results.map((result) => result.digest))).toEqual(new Set([digestOf(data)]));
    expect(await filesOf(store, "blobs/sha256")).toHaveLength(1);
    expect(await filesOf(store, "incoming")).toEqual([]);
    expect(Buffer.compare(await store.readBlob(digestOf(data)), data)).toBe(0);
  });

  const damages: readonly [string, (path: string) => Promise<void>][] = [
    ["truncated", async (path) => await truncate(path, 100)],
    ["empty", async (path) => await truncate(path, 0)],
    ["changed", async (path) => await writeFile(path, randomBytes(5000))],
  ];
  it.each(damages)("that was %s on the disk is told to be corrupt, and put again it is whole", async (_name, damage) => {
    const store = await newStore();
    const data = randomBytes(5000);
    const { digest } = await store.putBlob([data]);
    for (const read of [() => store.readBlob(digest), () => store.checkBlob(digest)]) {
      await damage(store.blobPath(digest));
      const { code, message } = await problem(read());
      expect(code).toBe("image_corrupt");
      expect(message).toMatch(/pull or import/);
      expect(await store.hasBlob(digest)).toBe(false);
      await store.putBlob([data], digest);
      await store.checkBlob(digest);
      expect(Buffer.compare(await store.readBlob(digest), data)).toBe(0);
    }
  });

  it("that is not there is told so", async () => {
    const store = await newStore();
    const digest = digestOf(bytes("absent"));
    for (const read of [store.readBlob(digest), store.checkBlob(digest)]) {
      const { code, message } = await problem(read);
      expect(code).toBe("image_corrupt");
      expect(message).toMatch(/not in the image store/);
    }
  });

  it.each(["sha256:../../../etc/passwd", "sha256:ABC", "", "md5:0"])("cannot be asked for as %j", async (digest) => {
    const store = await newStore();
    expect((await problem(store.readBlob(digest))).code).toBe("validation_failed");
    expect((await problem(store.hasBlob(digest))).code).toBe("validation_failed");
    expect((await problem(store.putBlob([], digest))).code).toBe("validation_failed");
  });
});

describe("an image", () => {
  it("has the same id in every store, whenever it was made, and an id in the shape of a ULID", async () => {
    const [one, two] = [
      await putImage(await newStore(), "debian"),
      await putImage(await newStore(), "debian", "debian", "2031-12-31T00:00:00.000Z"),
    ];
    expect(imageId(one)).toBe(imageId(two));
    expect(imageId(one)).toMatch(/^img_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
    expect(imageId(await putImage(await newStore(), "debian", "another kernel"))).not.toBe(imageId(one));
  });

  it("keeps the id that it had in earlier versions", () => {
    const manifest = sealManifest({
      name: "debian",
      kernel: { digest: `sha256:${"1".repeat(64)}`, sizeBytes: 1 },
      initramfs: { digest: `sha256:${"2".repeat(64)}`, sizeBytes: 2 },
      cmdline: "console=ttyS0",
      minMemoryMiB: 96,
      createdAt: "2026-01-01T00:00:00.000Z",
      source: { package: "p", version: "1", suite: "s", description: "d" },
      kernelRelease: "6.12.0",
    });
    expect(manifest.digest).toBe("sha256:216e5e7e58a55d8893eca682cc9acff1397aad3c57657276d7f7be6ea866bea7");
    expect(imageId(manifest)).toBe("img_11DSF7WP55BP497V56GB69NKZH");
  });

  it("is found by id, by name, and by name and digest; the newest of a name wins", async () => {
    const store = await newStore();
    const older = await putImage(store, "debian", "older", "2026-01-01T00:00:00.000Z");
    const newer = await putImage(store, "debian", "newer", "2026-02-01T00:00:00.000Z");
    const other = await putImage(store, "other", "other", "2026-03-01T00:00:00.000Z");
    expect(await store.list()).toEqual([other, newer, older]);
    expect(await store.resolve("debian")).toEqual(newer);
    expect(await store.resolve(imageId(older))).toEqual(older);
    expect(await store.resolve(`debian@${older.digest}`)).toEqual(older);
    for (const reference of ["absent", `other@${older.digest}`, "img_00000000000000000000000000", "", "debian@"]) {
      const { code, message } = await problem(store.resolve(reference));
      expect([reference, code]).toEqual([reference, "image_not_found"]);
      expect(message).toMatch(/"debian", "other"/);
    }
  });

  it("is not found in an empty store, which says how to fill it", async () => {
    const { code, message } = await problem((await newStore()).resolve("debian"));
    expect(code).toBe("image_not_found");
    expect(message).toContain("understudy image pull debian");
  });

  it("keeps its date when it comes again", async () => {
    const store = await newStore();
    const first = await putImage(store, "debian", "debian", "2026-01-01T00:00:00.000Z");
    await putImage(store, "debian", "debian", "2027-01-01T00:00:00.000Z");
    expect(await store.list()).toEqual([first]);
  });

  it("is not listed without its blobs", async () => {
    const store = await newStore();
    const manifest = await putImage(await newStore(), "debian");
    expect((await problem(store.putManifest(manifest))).code).toBe("image_corrupt");
    expect(await store.list()).toEqual([]);
  });

  it("takes its own blobs along when it is removed, and leaves those of others", async () => {
    const store = await newStore();
    const one = await putImage(store, "one");
    const two = await putImage(store, "two");
    await store.remove("one");
    expect(await store.list()).toEqual([two]);
    expect(await store.hasBlob(one.kernel.digest)).toBe(false);
    expect(await store.hasBlob(two.kernel.digest)).toBe(true);
    expect(await store.hasBlob(two.initramfs.digest)).toBe(true);
    await store.remove(imageId(two));
    expect(await filesOf(store, "blobs/sha256")).toEqual([]);
  });

  it.each([
    ["cut short", (text: string) => text.slice(0, 100)],
    ["edited", (text: string) => text.replace('"console=ttyS0"', '"console=ttyS0 init=/bin/sh"')],
    ["without a field", (text: string) => text.replace(/ *"kernelRelease".*\n/, "").replace(/,(\s*"digest")/, ",$1")],
    ["replaced", () => "[]"],
  ])("whose manifest was %s is told to be corrupt", async (_name, change) => {
    const store = await newStore();
    const manifest = await putImage(store, "debian");
    const path = join(store.dir, "manifests", `${manifest.digest.slice(7)}.json`);
    await writeFile(path, change(await readFile(path, "utf8")));
    const { code, message } = await problem(store.list());
    expect(code).toBe("image_corrupt");
    expect(message).toContain(path);
  });

  it.each(["", "Debian", "-x", "a/b", "..", "a".repeat(64), "a@b"])("cannot be named %j", async (name) => {
    expect((await problem(putImage(await newStore(), name))).code).toBe("validation_failed");
  });
});

describe("a store", () => {
  it("sweeps what a dead process left a day ago, and nothing that is being received", async () => {
    const store = await newStore();
    const dayBefore = new Date(Date.now() - 25 * 60 * 60 * 1000);
    await writeFile(join(store.dir, "incoming", "old"), "x");
    await utimes(join(store.dir, "incoming", "old"), dayBefore, dayBefore);
    await writeFile(join(store.dir, "incoming", "new"), "x");
    await store.init();
    expect(await filesOf(store, "incoming")).toEqual(["new"]);
  });

  it("whose folder cannot be made says why", async () => {
    const file = join((await newStore()).dir, "a file");
    await writeFile(file, "");
    const { code, message } = await problem(new ImageStore(join(file, "store")).init());
    expect(code).toBe("image_store_error");
    expect(message).toContain(file);
  });

  it.each([
    ["ENOSPC", "image_store_full"],
    ["EDQUOT", "image_store_full"],
    ["EIO", "image_store_error"],
    ["EROFS", "image_store_error"],
  ])("turns %s of the operating system into %s", (code, expected) => {
    const error = Object.assign(new Error(`${code}: it says so, write`), { code, syscall: "write" });
    expect(toStoreError(error, "write a blob", "/data")).toMatchObject({ code: expected, cause: error });
  });
});

/** What `store-child.ts` prints, when it is run by this shell command; `$@` is the command line that runs it. */
async function runChild(
  shell: string,
  mode: string,
  wrapper: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  const { dir } = await newStore();
  const command = [...wrapper, "sh", "-c", shell, dir, process.execPath, "--import", "tsx", CHILD, dir, mode];
  const child = spawn(command[0] as string, command.slice(1), { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  const output = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => {
    output.stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    output.stderr += chunk;
  });
  const status = await new Promise((resolve) => child.once("close", resolve));
  expect({ status, stderr: status === 0 ? "" : output.stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(output.stdout);
}

const CHILD = fileURLToPath(new URL("store-child.ts", import.meta.url));
/** A mount that only the child sees; as somebody else than root it takes a user namespace, which some systems refuse. */
const PRIVATE_MOUNT = process.getuid?.() === 0 ? ["unshare", "--mount"] : ["unshare", "--map-root-user", "--mount"];
const canMount = spawnSync(PRIVATE_MOUNT[0] as string, [...PRIVATE_MOUNT.slice(1), "mount", "-t", "tmpfs", "none", "/mnt"]).status === 0;

describe("a disk that takes no more", () => {
  it("because of a limit on a file's size is told, and nothing half-done stays", async () => {
    const result = await runChild('ulimit -f 2000; exec "$@"', "full");
    expect(result).toMatchObject({ code: "image_store_full", incoming: [], manifests: [] });
    expect(result.blobs).toHaveLength(1);
  });

  it.runIf(canMount)("because its file system is full is told, and nothing half-done stays", async () => {
    const result = await runChild('mount -t tmpfs -o size=1m none "$0" && exec "$@"', "full", PRIVATE_MOUNT);
    expect(result).toMatchObject({ code: "image_store_full", incoming: [], manifests: [] });
    expect(result.message).toMatch(/full \(ENOSPC\); free some space/);
    expect(result.blobs).toHaveLength(1);
  });

  // The kernel has 29.8 MiB: with 31 it fits, and the initramfs does not.
  it.runIf(canMount).each([1, 20, 31])("stops a pull that has %i MiB, and nothing half-done stays", async (mebibytes) => {
    const result = await runChild(`mount -t tmpfs -o size=${mebibytes}m none "$0" && exec "$@"`, "pull", PRIVATE_MOUNT, {
      PACKAGE: await debianPackage(),
    });
    expect(result).toMatchObject({ code: "image_store_full", incoming: [], manifests: [] });
    expect(result.blobs).toHaveLength(1);
  });

  it("is not blamed when too many files are open", async () => {
    const result = await runChild('ulimit -n 60; exec "$@"', "files");
    expect(result).toMatchObject({ code: "image_store_error", incoming: [], manifests: [] });
    expect(result.message).toMatch(/too many files are open/);
  });
});
