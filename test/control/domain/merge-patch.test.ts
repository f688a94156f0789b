/** JSON merge patch by the table of RFC 7396's appendix A, and what two documents differ in. */
import { expect, test } from "vitest";
import { changedPointers, type Json, mergePatch } from "../../../src/control/domain/merge-patch.ts";
import { fixedIn } from "../../../src/control/domain/spec-change.ts";

const TABLE: readonly [target: Json, patch: Json, result: Json][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  [{}, JSON.parse('{"__proto__":{"polluted":1}}'), JSON.parse('{"__proto__":{"polluted":1}}')],
];

test.each(TABLE)("%j patched with %j is %j", (target, patch, result) => {
  expect(JSON.stringify(mergePatch(target, patch))).toBe(JSON.stringify(result));
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

test("what differs is named by pointers, however the fields are ordered", () => {
  expect(changedPointers({ a: 1, b: { c: 1, "d/e~f": 1 } }, { b: { "d/e~f": 2, c: 1 }, a: 1 })).toEqual(["/b/d~1e~0f"]);
  expect(changedPointers({ a: { b: 1 } }, { a: 1, c: [1] })).toEqual(["/a", "/c"]);
  expect(changedPointers({ a: { b: [1] } }, { a: { b: [1] } })).toEqual([]);
});

test("what the guest was started from is fixed while there is a guest", () => {
  const all = ["/name", "/spec/image", "/spec/machine/memoryMiB", "/spec/cmdline", "/spec/protection/mode"];
  expect(fixedIn("running", all)).toEqual(["/spec/image", "/spec/machine/memoryMiB", "/spec/cmdline"]);
  expect(fixedIn("provisioning", ["/spec/machine"])).toEqual(["/spec/machine"]);
  expect(fixedIn("stopped", all)).toEqual([]);
  expect(fixedIn("failed", all)).toEqual([]);
});
