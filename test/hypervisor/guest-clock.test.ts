import { expect, test } from "vitest";
import { GuestClock, GuestClockEstimate } from "../../src/hypervisor/guest-clock.ts";

test("guest time runs at ten ticks per microsecond, and a deadline is never early", () => {
  const clock = new GuestClock(500n, 1_000_000);
  expect(clock.now(1_000_000)).toBe(500n);
  expect(clock.now(1_000_100)).toBe(1500n);
  expect(clock.whenUs(1500n)).toBe(1_000_100);
  expect(clock.whenUs(1501n)).toBe(1_000_101);
  expect(clock.now(clock.whenUs(1509n))).toBeGreaterThanOrEqual(1509n);
});

test("the estimate takes the sample that was delayed least", () => {
  const estimate = new GuestClockEstimate();
  // The primary's guest time is 10 ticks per microsecond of this host's clock, less 5,000,000.
  for (const [atUs, delayUs] of [
    [600_000, 900],
    [610_000, 150],
    [620_000, 40_000],
  ] as const) {
    estimate.observe(BigInt(atUs) * 10n - 5_000_000n, atUs + delayUs);
  }
  expect(estimate.now(0n, 700_000)).toBe(7_000_000n - 5_000_000n - 1500n);
});

test("guest time does not go back behind the end of the log", () => {
  const estimate = new GuestClockEstimate();
  estimate.observe(1000n, 500);
  expect(estimate.now(99_999n, 600)).toBe(99_999n);
  expect(new GuestClockEstimate().now(77n, 600)).toBe(77n);
});

test("hosts whose clocks drift apart do not make guest time jump: old samples are forgotten", () => {
  const estimate = new GuestClockEstimate();
  // This host's clock gains 50 ppm on the primary's, for a day, one sample per 50 ms.
  let nowUs = 0;
  let primaryTicks = 0n;
  for (let i = 0; i < 24 * 3600 * 20; i++) {
    nowUs += 50_000;
    primaryTicks += 499_975n;
    estimate.observe(primaryTicks, nowUs);
  }
  const ahead = estimate.now(0n, nowUs) - primaryTicks;
  expect(ahead).toBeGreaterThanOrEqual(0n);
  expect(ahead).toBeLessThan(20_000n); // 2 ms, where a day of drift is 4.3 s
});
