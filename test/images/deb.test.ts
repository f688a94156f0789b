/** Debian packages: files are taken out, with dpkg-deb and without, and what is damaged is told. */
import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { extractDeb } from "../../src/images/deb.ts";

const LONG = `${"a-long-folder-name/".repeat(8)}file`;
const FILES: Readonly<Record<string, string>> = {
  "usr/share/first": "1",
  "usr/share/empty": "",
  "usr/share/block": "b".repeat(512),
  "usr/share/large": "large ".repeat(50_000),
  [LONG]: "has a name of more than 100 characters",
  "usr/share/unwanted": "this one stays in",
};
const WANTED = Object.keys(FILES).filter((name) => !name.endsWith("unwanted"));

let folder: string;
let tree: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "understudy-deb-"));
  tree = join(folder, "tree");
  for (const [name, content] of Object.entries(FILES)) {
    await mkdir(join(tree, name, ".."), { recursive: true });
    await writeFile(join(tree, name), content);
  }
});
afterAll(async () => await rm(folder, { recursive: true }));

function tar(format: string): Buffer {
  return spawnSync("tar", [`--format=${format}`, "-C", tree, "-cf", "-", "."], { maxBuffer: 1 << 26 }).stdout;
}

/** The `ar` archive that a package is. */
async function packageOf(name: string, member: string, data: Uint8Array): Promise<string> {
  const entry = (title: string, body: Uint8Array) => {
    const header = [
      title.padEnd(16),
      "0".padEnd(12),
      "0".padEnd(6),
      "0".padEnd(6),
      "100644".padEnd(8),
      String(body.length).padEnd(10),
      "`\n",
    ].join("");
    return Buffer.concat([Buffer.from(header), body, Buffer.alloc(body.length % 2, "\n")]);
  };
  const control = spawnSync("tar", ["-C", folder, "-czf", "-", "--files-from", "/dev/null"]).stdout;
  const path = join(folder, name);
  const members = [entry("debian-binary", Buffer.from("2.0\n")), entry("control.tar.gz", control), entry(member, data)];
  await writeFile(path, Buffer.concat([Buffer.from("!<arch>\n"), ...members]));
  return path;
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "no error",
    (error: { code?: string }) => error.code ?? String(error),
  );
}

const installed = (tool: string) => spawnSync(tool, ["--version"]).status === 0;
const readers: [string, boolean][] = [["here", true]];
if (installed("dpkg-deb")) readers.push(["by dpkg-deb", false]);

describe.each(readers)("a package that is read %s", (_name, withoutDpkg) => {
  const members: [string, string, () => Uint8Array][] = [
    ["gnu, gzip", "data.tar.gz", () => gzipSync(tar("gnu"))],
    ["pax, gzip", "data.tar.gz", () => gzipSync(tar("pax"))],
    ["ustar, plain", "data.tar", () => tar("ustar")],
  ];
  if (installed("xz"))
    members.push(["gnu, xz", "data.tar.xz", () => spawnSync("xz", ["-c"], { input: tar("gnu"), maxBuffer: 1 << 26 }).stdout]);
  it.each(members)("gives the wanted files of a tar of %s", async (name, member, data) => {
    const path = await packageOf(`${name.replace(", ", "-")}-${withoutDpkg}.deb`, member, data());
    const files = await extractDeb(path, { want: (file) => WANTED.includes(file), withoutDpkg });
    const found = Object.fromEntries([...files].map(([file, content]) => [file, Buffer.from(content).toString()]));
    expect(found).toEqual(Object.fromEntries(WANTED.map((file) => [file, FILES[file]])));
  });

  it.each([0.2, 0.5, 0.9, 0.99])("is told to be truncated or damaged when %d of it is there", async (part) => {
    const whole = await packageOf(`whole-${part}-${withoutDpkg}.deb`, "data.tar.gz", gzipSync(tar("gnu")));
    const bytes = await readFile(whole);
    const path = join(folder, `cut-${part}-${withoutDpkg}.deb`);
    await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * part)));
    expect(await codeOf(extractDeb(path, { want: () => true, withoutDpkg }))).toMatch(/^image_(truncated|invalid)$/);
  });

  it("is told to be none when it is something else", async () => {
    const path = join(folder, `text-${withoutDpkg}.deb`);
    await writeFile(path, "this is no package\n".repeat(10));
    expect(await codeOf(extractDeb(path, { want: () => true, withoutDpkg }))).toBe("image_invalid");
  });

  it("whose tar has no end is told to be truncated", async () => {
    const whole = tar("gnu");
    const path = await packageOf(`endless-${withoutDpkg}.deb`, "data.tar.gz", gzipSync(whole.subarray(0, 512 * 3)));
    expect(await codeOf(extractDeb(path, { want: () => true, withoutDpkg }))).toBe("image_truncated");
  });
});
