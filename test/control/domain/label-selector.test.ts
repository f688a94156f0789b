/** Label selectors, as text. */
import { expect, test } from "vitest";
import { parseLabelSelector } from "../../../src/control/domain/label-selector.ts";

test("all kinds of requirement, with spaces or without", () => {
  expect(parseLabelSelector("env=prod, tier != db,a/b==c, owner,!retired")).toEqual([
    { kind: "equals", key: "env", value: "prod" },
    { kind: "differs", key: "tier", value: "db" },
    { kind: "equals", key: "a/b", value: "c" },
    { kind: "exists", key: "owner" },
    { kind: "lacks", key: "retired" },
  ]);
  expect(parseLabelSelector("empty=")).toEqual([{ kind: "equals", key: "empty", value: "" }]);
});

test.each(["", ",", "a,", "=b", "a=b=c", "a!b", "!", "!!a", "a in (b)", `${"a".repeat(64)}=b`])("what is none: %s", (text) => {
  expect(parseLabelSelector(text)).toBeNull();
});
