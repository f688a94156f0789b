/**
 * The rules and the races of the protocol, each as a transcript that a person can read aloud.
 *
 * GOLDEN=rewrite writes the effects as they are now into the files: read the diff, and say in the commit why.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { playTranscript } from "./transcript.ts";

const folder = new URL("transcripts/", import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith(".txt"));

test("the transcripts are found", () => {
  expect(files.length).toBeGreaterThan(20);
});

for (const file of files) {
  const url = new URL(file, folder);
  const text = readFileSync(url, "utf8");
  const title = (text.split("\n")[0] as string).replace(/^# /, "");
  test(`${file}: ${title}`, () => {
    const played = playTranscript(text);
    if (process.env.GOLDEN === "rewrite") writeFileSync(url, played);
    else expect(played).toBe(text);
  });
}
