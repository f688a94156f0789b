/** When it is told that a backup lags. */
import { expect, test } from "vitest";
import { lagChange, lagMsOf } from "../../../src/control/domain/backup-lag.ts";

test("a lag is told from a quarter of the bound on, its end from an eighth, and nothing of one that is no backup any more", () => {
  const check = (lagging: boolean, lagMs: number, wanted: string | null, isProtected = true) =>
    expect(lagChange({ lagging, lagMs, maxLagMs: 2000, isProtected })).toBe(wanted);
  check(false, 500, null);
  check(false, 501, "lagging");
  check(false, 501, null, false);
  check(true, 501, null);
  check(true, 250, null);
  check(true, 249, "recovered");
  check(true, 5000, "over", false);
});

test("a lag is the way of the log and what of it is not executed, of the slowest backup", () => {
  const reports: Record<string, { lag?: { ms: number } }> = {
    p: { lag: { ms: 10 } },
    a: { lag: { ms: 5 } },
    b: { lag: { ms: 7.25 } },
    old: {},
  };
  const check = (primaryReplica: string | null, synced: readonly string[], wanted: number) =>
    expect(lagMsOf({ primaryReplica, synced }, (id) => reports[id] ?? null)).toBe(wanted);
  check("p", ["a", "b", "old", "gone"], 17.25);
  check("p", [], 10);
  check("gone", ["a"], 5);
  check(null, ["a"], 0);
});
