import { describe, expect, test } from "vitest";
import { type KindOfLoss, RepairPace } from "../../../src/control/domain/repair-pace.ts";

/** Waits of a VM whose backup is lost again as soon as it is there: how long each time until the next one may be placed. */
function waitsOf(pace: RepairPace, losses: number, { completeForMs = 100, loss = "touch_lost" as KindOfLoss } = {}): number[] {
  let nowMs = 0;
  return Array.from({ length: losses }, () => {
    pace.complete("vm", nowMs);
    nowMs += completeForMs;
    pace.lacks("vm", loss, nowMs);
    const lostAtMs = nowMs;
    while (!pace.mayRepair("vm", nowMs)) nowMs += 50;
    return nowMs - lostAtMs;
  });
}

describe("a VM that lacks a backup", () => {
  test("gets its first one at once", () => {
    const pace = new RepairPace();
    pace.lacks("vm", null, 0);
    expect(pace.mayRepair("vm", 0)).toBe(true);
  });

  test("waits twice as long each time that its pair loses touch soon after it was made, up to a bound", () => {
    expect(waitsOf(new RepairPace(), 8)).toEqual([250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
  });

  test("does not wait where a worker died, however often", () => {
    expect(waitsOf(new RepairPace(), 5, { loss: "worker_died" })).toEqual([0, 0, 0, 0, 0]);
  });

  test("does not wait any more once it turns out that a worker died, and no longer the next time", () => {
    const pace = new RepairPace();
    pace.complete("vm", 0);
    pace.lacks("vm", "touch_lost", 100);
    expect(pace.mayRepair("vm", 110)).toBe(false);
    pace.lacks("vm", "worker_died", 120);
    expect(pace.mayRepair("vm", 120)).toBe(true);
    pace.lacks("vm", "touch_lost", 130);
    expect(pace.mayRepair("vm", 130)).toBe(true);
    pace.complete("vm", 200);
    pace.lacks("vm", "touch_lost", 300);
    expect([pace.mayRepair("vm", 549), pace.mayRepair("vm", 550)]).toEqual([false, true]);
  });

  test("does not wait where it had all its backups for long", () => {
    expect(waitsOf(new RepairPace(), 3, { completeForMs: 30_000 })).toEqual([0, 0, 0]);
  });

  test("is told of one loss once, however often it is looked at", () => {
    const pace = new RepairPace();
    pace.complete("vm", 0);
    for (let nowMs = 100; nowMs < 300; nowMs += 10) pace.lacks("vm", "touch_lost", nowMs);
    expect([pace.mayRepair("vm", 349), pace.mayRepair("vm", 350)]).toEqual([false, true]);
  });

  test("waits after a backup that failed before it was synced, and less again once a pair has held", () => {
    const pace = new RepairPace();
    pace.failed("vm", 0);
    pace.failed("vm", 250);
    expect([pace.mayRepair("vm", 749), pace.mayRepair("vm", 750)]).toEqual([false, true]);
    pace.complete("vm", 1000);
    pace.lacks("vm", "touch_lost", 40_000);
    expect(pace.mayRepair("vm", 40_000)).toBe(true);
    pace.failed("vm", 40_000);
    expect([pace.mayRepair("vm", 40_249), pace.mayRepair("vm", 40_250)]).toEqual([false, true]);
  });

  test("is forgotten with what it waited for", () => {
    const pace = new RepairPace();
    pace.failed("vm", 0);
    pace.keepOnly(new Set());
    expect(pace.mayRepair("vm", 0)).toBe(true);
  });
});
