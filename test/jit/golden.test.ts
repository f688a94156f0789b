/**
 * What each kind of guest code becomes, held to what was reviewed (test/fixtures/golden). After a change of the translator
 * `npm run golden` writes it anew: read the difference, and say in the commit why it is as it should be.
 */
import { describe, expect, test } from "vitest";
import { goldenNames, goldenText, readGolden } from "./golden.ts";
import { validate } from "./wat.ts";

describe.each(goldenNames())("%s", (name) => {
  test("is translated as reviewed", () => {
    expect(goldenText(name), "if that is meant to be: npm run golden, and review").toBe(readGolden(name));
  });

  test("is reviewed as text that is a valid module", () => {
    expect(() => validate(readGolden(name))).not.toThrow();
  });
});
