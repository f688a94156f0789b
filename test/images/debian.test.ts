/** The Debian image: pulled from the real archive once, then made again and taken apart. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { type CpioEntry, directory, isSymbolicLink, readInitrd, regularFile, symbolicLink, writeCpio } from "../../src/images/cpio.ts";
import { extractDeb } from "../../src/images/deb.ts";
import {
  DEBIAN_PACKAGE,
  DEFAULT_CMDLINE,
  type ImageManifest,
  type ImageProgress,
  ImageStore,
  importImage,
  pullDebian,
  READY_LINE,
} from "../../src/images/index.ts";
import { readKernel } from "../../src/images/kernel-image.ts";
import { debianPackage, guestImageStore } from "../support/guest-image.ts";

/** The first pull ever downloads 52 MB. */
const PULL_TIMEOUT_MS = 240_000;
vi.setConfig({ testTimeout: PULL_TIMEOUT_MS, hookTimeout: PULL_TIMEOUT_MS });

let folder: string;
let packagePath: string;
let image: ImageManifest;
let store: ImageStore;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "understudy-debian-"));
  const guest = await guestImageStore();
  image = guest.manifest;
  store = new ImageStore(guest.dir);
  packagePath = await debianPackage();
});
afterAll(async () => await rm(folder, { recursive: true, force: true }));

async function newStore(): Promise<ImageStore> {
  return new ImageStore(await mkdtemp(join(folder, "store-")));
}

async function problem(promise: Promise<unknown>): Promise<{ code: string; message: string; name?: string }> {
  return await promise.then(
    () => ({ code: "no error", message: "" }),
    (error: { code: string; message: string }) => error,
  );
}

/** Nothing of a failed pull or import may be in the store. */
async function expectEmpty(failed: ImageStore): Promise<void> {
  const names = await readdir(failed.dir, { recursive: true });
  expect(names.filter((name) => !["blobs", "blobs/sha256", "manifests", "incoming"].includes(name))).toEqual([]);
}

let installer: Promise<{ kernelPath: string; initrdPath: string }> | null = null;

/** Kernel and initrd of the package, as files: what somebody without apt has. Taken out once: that takes seconds. */
function installerFiles(): Promise<{ kernelPath: string; initrdPath: string }> {
  installer ??= extractDeb(packagePath, { want: (path) => /\/(linux|initrd\.gz)$/.test(path) }).then(async (files) => {
    const paths = { kernelPath: join(folder, "linux"), initrdPath: join(folder, "initrd.gz") };
    for (const [path, content] of files) await writeFile(path.endsWith("linux") ? paths.kernelPath : paths.initrdPath, content);
    return paths;
  });
  return installer;
}

describe("the pulled image", () => {
  it("says what it is and where it is from, and names no mirror", () => {
    expect(image).toMatchObject({ name: "debian", cmdline: DEFAULT_CMDLINE, source: { package: DEBIAN_PACKAGE, suite: "trixie" } });
    expect(image.kernelRelease).toMatch(/^6\.12\.\d+.*riscv64$/);
    expect(image.source.version).toMatch(/^\d/);
    expect(image.minMemoryMiB).toBeGreaterThanOrEqual(96);
    expect(image.minMemoryMiB).toBeLessThanOrEqual(128);
    expect(JSON.stringify(image)).not.toMatch(/https?:/);
  });

  it("has a kernel that the machine can load", async () => {
    expect((await readKernel(await store.readBlob(image.kernel.digest))).release).toBe(image.kernelRelease);
  });

  it("has a small initramfs with a shell, its libraries, the virtio modules, and no installer", async () => {
    const initramfs = await store.readBlob(image.initramfs.digest);
    expect(initramfs.length).toBeLessThan(4 << 20);
    const entries = await readInitrd(initramfs);
    const names = [...entries.keys()];
    expect(Buffer.from(entries.get("init")?.data ?? []).toString()).toContain(READY_LINE);
    for (const name of ["usr/bin/busybox", "usr/bin/kmod", "dev/console", "proc", "sys", "tmp", "run", "etc/inittab"])
      expect(names).toContain(name);
    for (const module of ["virtio_mmio", "virtio_net", "net_failover", "failover", "virtio-rng"]) {
      expect(names.filter((name) => name.includes(`/${module}.ko`))).toHaveLength(1);
    }
    expect(names.filter((name) => /debconf|debian-installer|locale|udev|ssl/.test(name))).toEqual([]);
    for (const entry of entries.values()) {
      const parent = entry.name.split("/").slice(0, -1).join("/");
      expect(parent === "" || names.includes(parent)).toBe(true);
    }
  });

  it("has the programs that people and tests of guests use", async () => {
    const entries = await readInitrd(await store.readBlob(image.initramfs.digest));
    const programs = new Set([...entries.values()].filter(isSymbolicLink).map((entry) => entry.name.split("/").at(-1)));
    const wanted =
      "awk cat dd free grep head ip kill ls modprobe nc poweroff printf ps reboot sed seq sh sha256sum sleep sort stty tail true wc";
    expect(wanted.split(" ").filter((program) => !programs.has(program))).toEqual([]);
  });

  it("is the same image, byte for byte, when it is made again", async () => {
    const again = await newStore();
    const steps: ImageProgress[] = [];
    const manifest = await pullDebian({ store: again, packagePath, onProgress: (step) => steps.push(step) });
    expect({ ...manifest, createdAt: "" }).toEqual({ ...image, createdAt: "" });
    expect([...new Set(steps.map(({ step }) => step))]).toEqual(["unpack", "initramfs", "store"]);
    expect(steps.at(-1)?.fraction).toBe(1);
    expect(await readdir(join(again.dir, "incoming"))).toEqual([]);
  });

  it("is the same from files, but for what is known about the source", async () => {
    const imported = await importImage({ store: await newStore(), ...(await installerFiles()) });
    expect(imported).toMatchObject({ kernel: image.kernel, initramfs: image.initramfs, cmdline: image.cmdline, source: { package: null } });
  });

  it("is imported as it is when it is its own initramfs", async () => {
    const initrdPath = store.blobPath(image.initramfs.digest);
    const kernelPath = store.blobPath(image.kernel.digest);
    const imported = await importImage({ store: await newStore(), kernelPath, initrdPath, name: "mine", cmdline: "quiet" });
    expect(imported).toMatchObject({ name: "mine", cmdline: "quiet", initramfs: image.initramfs });
  });
});

describe("an import", () => {
  it.each([
    ["kernel", 0.5],
    ["kernel", 0.99],
    ["initrd", 0.5],
    ["initrd", 0.99],
  ] as const)("of a truncated %s (%d of it) is refused, and nothing half-done stays", async (which, part) => {
    const files = await installerFiles();
    const path = which === "kernel" ? files.kernelPath : files.initrdPath;
    const bytes = await readFile(path);
    const cut = join(folder, `cut-${which}-${part}`);
    await writeFile(cut, bytes.subarray(0, Math.floor(bytes.length * part)));
    const failed = await newStore();
    const result = await problem(importImage({ store: failed, ...files, [`${which}Path`]: cut }));
    expect(result).toMatchObject({ code: "image_truncated", message: expect.stringMatching(/fetch the file again/) });
    await expectEmpty(failed);
  });

  /** Our initramfs made to look like the installer's initrd, with each entry changed, or left out for null. */
  async function installerWith(change: (entry: CpioEntry) => CpioEntry | null, ...more: CpioEntry[]): Promise<CpioEntry[]> {
    const entries = [...(await readInitrd(await store.readBlob(image.initramfs.digest))).values()];
    return [
      ...entries.filter(({ name }) => name !== "init").flatMap((entry) => change(entry) ?? []),
      directory("usr/lib/debian-installer"),
      ...more,
    ];
  }
  const without = (pattern: RegExp) => (entry: CpioEntry) => (pattern.test(entry.name) ? null : entry);
  const loader = "usr/lib/ld-linux-riscv64-lp64d.so.1";

  const damages: readonly [string, () => Promise<CpioEntry[]>, RegExp][] = [
    ["an initrd without /init", async () => [directory("bin")], /no \/init/],
    ["an installer without busybox", () => installerWith(without(/busybox$/)), /no usr\/bin\/busybox/],
    [
      "a busybox that is no program",
      () => installerWith(without(/busybox$/), regularFile("usr/bin/busybox", Buffer.from("text"))),
      /busybox of the initrd/,
    ],
    ["a busybox whose library is missing", () => installerWith(without(/libc\.so/)), /needs libc\.so\.6/],
    ["a busybox without a shell", () => installerWith(without(/\/sh$/)), /no shell/],
    [
      "a loader that is a link to itself",
      () => installerWith(without(/ld-linux/), symbolicLink(loader, "/lib/ld-linux-riscv64-lp64d.so.1")),
      /ld-linux/,
    ],
    [
      "modules for another kernel",
      () => installerWith((entry) => ({ ...entry, name: entry.name.replace(image.kernelRelease, "5.0.0-riscv64") })),
      /modules for 5\.0\.0-riscv64/,
    ],
    ["a module that is missing", () => installerWith(without(/net_failover/)), /names .*net_failover/],
    [
      "a damaged module index",
      () => installerWith((entry) => (/dep\.bin$/.test(entry.name) ? { ...entry, data: entry.data.subarray(0, 9999) } : entry)),
      /module index/,
    ],
  ];
  it.each(damages)("of %s is refused with a word on it", async (_name, entries, message) => {
    const initrdPath = join(folder, `${crypto.randomUUID()}.gz`);
    await writeFile(initrdPath, gzipSync(writeCpio(await entries()), { level: 1 }));
    const failed = await newStore();
    const result = await problem(importImage({ store: failed, kernelPath: store.blobPath(image.kernel.digest), initrdPath }));
    expect(result).toMatchObject({ code: "image_invalid", message: expect.stringMatching(message) });
    await expectEmpty(failed);
  });

  it("of a file that is not there says which", async () => {
    const failed = await newStore();
    const result = await problem(importImage({ store: failed, kernelPath: join(folder, "absent"), initrdPath: join(folder, "absent") }));
    expect(result).toMatchObject({ code: "file_not_found", message: expect.stringMatching(/the kernel from .*absent/) });
  });
});

describe("a pull", () => {
  it("of a truncated package is refused, and nothing half-done stays", async () => {
    const path = join(folder, `${DEBIAN_PACKAGE}_1_all.deb`);
    const bytes = await readFile(packagePath);
    await writeFile(path, bytes.subarray(0, bytes.length >> 1));
    const failed = await newStore();
    expect((await problem(pullDebian({ store: failed, packagePath: path }))).code).toMatch(/^image_(truncated|invalid)$/);
    await expectEmpty(failed);
  });

  it("on a system whose package sources are not Debian's says what to type", async () => {
    const aptDir = await mkdtemp(join(folder, "apt-"));
    await writeFile(join(aptDir, "sources.list"), "deb http://mirror.example/ubuntu noble main universe\n");
    const failed = await newStore();
    expect(await problem(pullDebian({ store: failed, aptDir, templateDir: join(folder, "absent") }))).toMatchObject({
      code: "mirror_unknown",
      message: expect.stringMatching(/"apt-get install python-apt-common".*UNDERSTUDY_DEBIAN_MIRROR.*--mirror URL/),
    });
    await expectEmpty(failed);
  });

  it("on such a system takes the mirror that its python-apt knows", async () => {
    const aptDir = await mkdtemp(join(folder, "apt-"));
    await writeFile(join(aptDir, "sources.list"), "deb http://mirror.example/ubuntu noble main universe\n");
    await writeFile(join(aptDir, "Debian.info"), "Suite: {series}\nBaseURI: http://127.0.0.1:9/debian/\nComponent: main\n");
    const failed = await newStore();
    expect(await problem(pullDebian({ store: failed, aptDir, templateDir: aptDir }))).toMatchObject({
      code: "image_download_failed",
      message: expect.stringMatching(/127\.0\.0\.1:9/),
    });
    await expectEmpty(failed);
  });

  it("on a system without apt configuration names the other way too", async () => {
    const result = await problem(
      pullDebian({ store: await newStore(), aptDir: join(folder, "absent"), templateDir: join(folder, "absent") }),
    );
    expect(result).toMatchObject({ code: "mirror_unknown", message: expect.stringMatching(/--kernel FILE --initrd FILE/) });
  });

  it("from a mirror that does not answer says so, and nothing half-done stays", async () => {
    const failed = await newStore();
    const result = await problem(pullDebian({ store: failed, mirror: "http://127.0.0.1:9/debian" }));
    expect(result).toMatchObject({ code: "image_download_failed", message: expect.stringMatching(/127\.0\.0\.1:9.*--mirror URL/) });
    await expectEmpty(failed);
  });

  it("never takes an archive that nobody signed", async () => {
    const archive = join(folder, "unsigned");
    await mkdir(join(archive, "dists/trixie/main/binary-amd64"), { recursive: true });
    await writeFile(
      join(archive, "dists/trixie/Release"),
      "Origin: Debian\nSuite: trixie\nCodename: trixie\nComponents: main\nArchitectures: amd64 arm64 riscv64\n",
    );
    const failed = await newStore();
    const result = await problem(pullDebian({ store: failed, mirror: `file://${archive}` }));
    expect(result).toMatchObject({ code: "image_download_failed", message: expect.stringMatching(/^Cannot trust/) });
    await expectEmpty(failed);
  });

  it("takes only the keyring that it was given", async () => {
    const keyring = join(folder, "empty.gpg");
    await writeFile(keyring, "");
    const failed = await newStore();
    expect((await problem(pullDebian({ store: failed, keyring }))).code).toBe("image_download_failed");
    await expectEmpty(failed);
  });

  it.each(["not a url", "http://a.example/debian b", 'http://a.example/"x'])("refuses %j as a mirror", async (mirror) => {
    expect((await problem(pullDebian({ store: await newStore(), mirror }))).code).toBe("validation_failed");
  });

  it("stops when it is told to, and nothing half-done stays", async () => {
    const failed = await newStore();
    const abort = new AbortController();
    const onProgress = ({ step }: ImageProgress) => step === "initramfs" && abort.abort();
    const result = await problem(pullDebian({ store: failed, packagePath, signal: abort.signal, onProgress }));
    expect(result.name).toBe("AbortError");
    await expectEmpty(failed);
  });
});
