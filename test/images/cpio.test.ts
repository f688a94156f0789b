/** Archives of the initramfs: what is written is read back, and what is damaged is told. */
import { spawnSync } from "node:child_process";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { type CpioEntry, characterDevice, directory, readInitrd, regularFile, symbolicLink, writeCpio } from "../../src/images/cpio.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const ENTRIES: readonly CpioEntry[] = [
  directory("bin"),
  regularFile("bin/tool", bytes("#!/bin/sh\necho hello\n"), 0o755),
  regularFile("empty", new Uint8Array(0)),
  symbolicLink("sh", "bin/tool"),
  directory("dev"),
  characterDevice("dev/console", 5, 1),
  regularFile("a name with spaces and ü", bytes("x")),
];

const byName = (entries: Iterable<CpioEntry>) =>
  new Map([...entries].map((entry) => [entry.name, { ...entry, data: Buffer.from(entry.data).toString("latin1") }]));

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "no error",
    (error: { code?: string }) => error.code ?? String(error),
  );
}

describe("a cpio archive", () => {
  it("gives back every kind of entry", async () => {
    expect(byName((await readInitrd(writeCpio(ENTRIES))).values())).toEqual(byName(ENTRIES));
  });

  it("has the same bytes whatever the order of the entries", () => {
    expect(Buffer.compare(writeCpio(ENTRIES), writeCpio([...ENTRIES].reverse()))).toBe(0);
  });

  it("puts a folder before what it holds", async () => {
    const names = [...(await readInitrd(writeCpio([...ENTRIES].reverse()))).keys()];
    expect(names.indexOf("bin")).toBeLessThan(names.indexOf("bin/tool"));
    expect(names.indexOf("dev")).toBeLessThan(names.indexOf("dev/console"));
  });

  it("gives both names of a file with two the content, which only the last of them carries", async () => {
    const archive = Buffer.from(writeCpio([regularFile("a", new Uint8Array(0)), regularFile("b", bytes("content"))]));
    // Same inode, two links: fields 0 and 4 of the header, eight hexadecimal digits each.
    let at = archive.indexOf("070701");
    for (let entry = 0; entry < 2; entry++, at = archive.indexOf("070701", at + 1)) {
      archive.write("00000007", at + 6);
      archive.write("00000002", at + 6 + 8 * 4);
    }
    const entries = await readInitrd(archive);
    expect(Buffer.from(entries.get("a")?.data ?? []).toString()).toBe("content");
    expect(Buffer.from(entries.get("b")?.data ?? []).toString()).toBe("content");
  });
});

describe("an initrd", () => {
  const first = writeCpio([regularFile("one", bytes("1")), regularFile("both", bytes("old"))]);
  const second = writeCpio([regularFile("two", bytes("2")), regularFile("both", bytes("new"))]);
  const padding = new Uint8Array(512);

  const layouts: readonly [string, Uint8Array[]][] = [
    ["two plain members", [first, second]],
    ["two plain members with padding between", [first, padding, second, padding]],
    ["two gzip members", [gzipSync(first), gzipSync(second)]],
    ["two gzip members with padding between", [gzipSync(first), padding, gzipSync(second)]],
    ["a plain member, then a gzip one", [first, gzipSync(second)]],
    ["a gzip member, then a plain one", [gzipSync(first), second]],
    ["one gzip member with two archives inside", [gzipSync(Buffer.concat([first, second]))]],
  ];
  it.each(layouts)("is read as the kernel reads it: %s", async (_name, members) => {
    const entries = await readInitrd(Buffer.concat(members));
    expect([...entries.keys()].sort()).toEqual(["both", "one", "two"]);
    expect(Buffer.from(entries.get("both")?.data ?? []).toString()).toBe("new");
  });

  it.each(["xz", "zstd"].filter((tool) => spawnSync(tool, ["--version"]).status === 0))("is read when %s compressed it", async (tool) => {
    const compressed = spawnSync(tool, ["-c"], { input: second }).stdout;
    expect([...(await readInitrd(Buffer.concat([first, compressed]))).keys()].sort()).toEqual(["both", "one", "two"]);
    expect(await codeOf(readInitrd(compressed.subarray(0, compressed.length - 20)))).toMatch(/^image_(truncated|invalid)$/);
  });

  it("is told to be truncated, wherever a plain archive ends early", async () => {
    const archive = writeCpio(ENTRIES);
    // Fewer bytes than the magic number has are no format at all.
    for (let length = 6; length < archive.length - 4; length += 7) {
      expect([length, await codeOf(readInitrd(archive.subarray(0, length)))]).toEqual([length, "image_truncated"]);
    }
  });

  it("is told to be truncated, wherever a gzip member ends early", async () => {
    const archive = gzipSync(writeCpio(ENTRIES));
    for (let length = 3; length < archive.length; length += 5) {
      expect([length, await codeOf(readInitrd(archive.subarray(0, length)))]).toEqual([length, "image_truncated"]);
    }
  });

  it("is told to be damaged when a bit of a gzip member flips", async () => {
    const archive = gzipSync(writeCpio(ENTRIES), { level: 0 });
    archive[archive.length - 30] = (archive[archive.length - 30] as number) ^ 1;
    expect(await codeOf(readInitrd(archive))).toBe("image_invalid");
  });

  it.each([
    ["nothing but padding", new Uint8Array(1024), "image_truncated"],
    ["an empty file", new Uint8Array(0), "image_truncated"],
    ["a text", bytes("this is no archive at all"), "image_invalid"],
    ["bzip2, which is not opened", bytes("BZh91AY&SY"), "image_invalid"],
    ["a header that is not hexadecimal", bytes(`070701${"zz".repeat(80)}`), "image_invalid"],
  ])("is refused when it is %s", async (_name, input, code) => {
    expect(await codeOf(readInitrd(input))).toBe(code);
  });
});
