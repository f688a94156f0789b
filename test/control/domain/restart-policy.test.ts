/** Which VMs are started again by themselves, and after how long. */
import { describe, expect, test } from "vitest";
import { isToRestart, type RestartFacts, restartDelayMs } from "../../../src/control/domain/restart-policy.ts";

const failed: RestartFacts = { policy: "on_failure", state: "failed", desiredState: "running", stateReason: "all_replicas_lost" };
const ended = (reason: string): RestartFacts => ({ ...failed, state: "stopped", stateReason: reason });

describe("a VM is started again", () => {
  test.each([
    ["failed, on_failure", failed, true],
    ["failed, always", { ...failed, policy: "always" }, true],
    ["failed, never", { ...failed, policy: "never" }, false],
    ["panicked, on_failure", ended("guest_panic"), true],
    ["powered off, on_failure", ended("guest_poweroff"), false],
    ["powered off, always", { ...ended("guest_poweroff"), policy: "always" }, true],
    ["rebooted, always", { ...ended("guest_reboot"), policy: "always" }, true],
    ["killed by somebody, always", { ...ended("killed"), policy: "always", desiredState: "stopped" }, false],
    ["being deleted, always", { ...failed, policy: "always", desiredState: "deleted" }, false],
    ["still running, always", { ...failed, policy: "always", state: "running" }, false],
  ] as const)("%s: %o", (_what, facts, wanted) => expect(isToRestart(facts)).toBe(wanted));
});

test("one that keeps failing is left for longer each time, up to a bound", () => {
  const delays = [0, 1, 2, 10, 1000].map((restarts) => restartDelayMs(restarts, { firstMs: 1000, maxMs: 60_000 }));
  expect(delays).toEqual([1000, 2000, 4000, 60_000, 60_000]);
});
