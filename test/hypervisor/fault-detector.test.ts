/** Who is taken for silent, and when: tolerance grows with what a peer was late by, and shrinks again. */
import { expect, test } from "vitest";
import { FaultDetector } from "../../src/hypervisor/fault-detector.ts";

const TIMEOUT = 300_000;
const MINUTE = 60_000_000;

/** Watches "peer" from 0 on; it speaks at these times. */
function heardAt(...times: readonly number[]): FaultDetector {
  const detector = new FaultDetector();
  detector.watch("peer", TIMEOUT, 0);
  for (const time of times) detector.heard("peer", time);
  return detector;
}

/** How long the peer may be silent from its last word on. */
function tolerance(detector: FaultDetector): number {
  return (detector.deadlineUs() ?? Number.NaN) - 1 - (detector.lastHeardUs("peer") ?? Number.NaN);
}

test("a peer that keeps to its interval is suspected after its time-out, not before", () => {
  const detector = heardAt(100_000, 200_000, 300_000);
  expect(tolerance(detector)).toBe(TIMEOUT);
  expect(detector.silent(600_000)).toEqual([]);
  expect(detector.silent(600_001)).toEqual(["peer"]);
});

test("a peer that was late is given twice as long as that, and never more than four time-outs", () => {
  expect(tolerance(heardAt(100_000, 350_000))).toBe(500_000);
  expect(tolerance(heardAt(100_000, 1_000_000))).toBe(4 * TIMEOUT);
});

test("what is excused is not the peer's lateness", () => {
  const detector = heardAt(100_000);
  detector.excuse("peer", 150_000);
  detector.heard("peer", 350_000);
  expect(tolerance(detector)).toBe(TIMEOUT);
});

test("lateness is forgotten after one to two minutes in time", () => {
  const detector = heardAt(250_000);
  for (let time = 350_000; time < MINUTE + 200_000; time += 100_000) detector.heard("peer", time);
  expect(tolerance(detector)).toBe(500_000);
  for (let time = MINUTE + 200_000; time < 2 * MINUTE + 400_000; time += 100_000) detector.heard("peer", time);
  expect(tolerance(detector)).toBe(TIMEOUT);
});

test("a peer that is watched anew has not been late", () => {
  const detector = heardAt(250_000);
  detector.watch("peer", TIMEOUT, 250_000);
  expect(tolerance(detector)).toBe(TIMEOUT);
});
