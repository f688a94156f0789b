import { expect, test } from "vitest";
import { hugePagesSetting } from "../../src/base/huge-pages.ts";

test.each([
  ["always [madvise] never\n", "madvise"],
  ["[always] madvise never\n", "always"],
  ["", null],
  ["something else\n", null],
])("of %j as the system's word on huge pages %j is in force", (text, setting) => {
  expect(hugePagesSetting(text)).toBe(setting);
});
