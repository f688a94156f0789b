/** Ids sort by the time they were made, and never look like names. */
import { expect, test } from "vitest";
import { isId, makeId } from "../../../src/control/domain/ids.ts";

test("an id is its prefix and a ULID", () => {
  expect(makeId("vm", 0, new Uint8Array(10))).toBe("vm_00000000000000000000000000");
  expect(makeId("rep", 2 ** 48 - 1, new Uint8Array(10).fill(255))).toBe("rep_7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
});

test("ids sort by time, then by chance", () => {
  const ids = [1, 2, 1_000, 1_900_000_000_000].map((time, index) => makeId("op", time, new Uint8Array(10).fill(255 - index)));
  expect([...ids].sort()).toEqual(ids);
});

test("a name is no id", () => {
  expect(isId("vm", "vm_01")).toBe(true);
  expect(isId("vm", "vm-01")).toBe(false);
});
