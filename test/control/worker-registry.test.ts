/** Who is here and since when not: by a clock that the tests move. */
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DEFAULT_SETTINGS } from "../../src/control/settings.ts";
import { WorkerRegistry } from "../../src/control/workers/worker-registry.ts";

let workers: WorkerRegistry;
beforeEach(() => {
  vi.useFakeTimers();
  workers = new WorkerRegistry(DEFAULT_SETTINGS);
});
afterEach(() => {
  workers.close();
  vi.useRealTimers();
});

test("workers have their time to come back from when they are let in, however long the start took", () => {
  vi.advanceTimersByTime(10 * DEFAULT_SETTINGS.bootGraceMs);
  workers.open();
  expect([workers.booting, workers.linkState("wrk_1", "of before")]).toEqual([true, "missing"]);
  expect(workers.awayForMs("wrk_1")).toBe(0);
  vi.advanceTimersByTime(DEFAULT_SETTINGS.bootGraceMs);
  expect([workers.booting, workers.linkState("wrk_1", "of before")]).toEqual([false, "lost"]);
  expect(workers.awayForMs("wrk_1")).toBe(DEFAULT_SETTINGS.bootGraceMs);
});
