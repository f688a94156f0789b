/** What is read of the host's word on huge pages, from folders as Linux has them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { hugePageSizesKiB } from "../../src/worker/huge-pages.ts";

const WORDS = ["always", "inherit", "madvise", "never"];

function folderOf(setting: string, sizes: Readonly<Record<number, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "understudy-huge-pages-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const write = (where: string, chosen: string): void => {
    mkdirSync(where, { recursive: true });
    writeFileSync(join(where, "enabled"), `${WORDS.map((word) => (word === chosen ? `[${word}]` : word)).join(" ")}\n`);
  };
  write(folder, setting);
  writeFileSync(join(folder, "hpage_pmd_size"), "2097152\n");
  for (const [size, word] of Object.entries(sizes)) write(join(folder, `hugepages-${size}kB`), word);
  return folder;
}

test.each<[string, Record<number, string>, number[]]>([
  ["madvise", { 64: "never", 2048: "inherit" }, []],
  ["always", { 64: "never", 2048: "inherit" }, [2048]],
  ["madvise", { 64: "always", 128: "madvise", 2048: "inherit" }, [64]],
  ["never", { 2048: "always", 64: "always" }, [64, 2048]],
])("with %s for all and %j for each size, pages of %j KiB are taken", (setting, sizes, taken) => {
  expect(hugePageSizesKiB(folderOf(setting, sizes))).toEqual(taken);
});

test("a Linux that knows one size has one setting", () => {
  expect(hugePageSizesKiB(folderOf("always"))).toEqual([2048]);
  expect(hugePageSizesKiB(folderOf("madvise"))).toEqual([]);
});

test("a system that says nothing, or something else, is not guessed at", () => {
  expect(hugePageSizesKiB("/nowhere")).toBe(null);
  expect(hugePageSizesKiB(folderOf("by the moon"))).toBe(null);
});
