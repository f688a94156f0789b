import { expect, test } from "vitest";
import { CLOCK_RATE_INSTRUCTIONS } from "../../src/engine/epoch.ts";
import { EpochPacing, LAG_WORTH_TELLING, CLOCK_RATE_INSTRUCTIONS as PACING_INSTRUCTIONS } from "../../src/hypervisor/epoch-pacing.ts";

/** The pacing after many epochs on an engine of this many instructions per microsecond. */
function settled(speed: number): EpochPacing {
  const pacing = new EpochPacing(5);
  for (let i = 0; i < 100; i++) pacing.observe(BigInt(speed * 5000), 5000);
  return pacing;
}

test("the rate is counted as the engine counts it", () => expect(PACING_INSTRUCTIONS).toBe(CLOCK_RATE_INSTRUCTIONS));

test("an epoch's length comes to what the engine does in the target time", () => {
  for (const speed of [10, 100, 400, 1500]) {
    const length = Number(settled(speed).epochLength());
    expect(Math.abs(length - speed * 5000)).toBeLessThanOrEqual(speed * 50);
  }
});

test("guest time inside an epoch stays behind the next sample, and not far behind", () => {
  for (const speed of [65, 100, 400, 1500]) {
    const pacing = settled(speed);
    const ticks = (pacing.epochLength() * BigInt(pacing.rate())) / BigInt(CLOCK_RATE_INSTRUCTIONS);
    const realTicks = (Number(pacing.epochLength()) / speed) * 10;
    expect(Number(ticks)).toBeLessThan(realTicks);
    expect(Number(ticks)).toBeGreaterThan(realTicks * 0.9);
  }
});

test("an instruction is never worth more than 16 ns of guest time, however slow the engine is", () => {
  const rate = settled(2).rate();
  expect((rate * 100) / CLOCK_RATE_INSTRUCTIONS).toBeLessThanOrEqual(16);
  expect((rate * 100) / CLOCK_RATE_INSTRUCTIONS).toBeGreaterThan(15.9);
});

test("runs too short to tell, and one run during which the process was stopped, hardly change it", () => {
  const pacing = settled(100);
  const before = pacing.epochLength();
  pacing.observe(9000n, 5000);
  pacing.observe(20_000n, 900);
  expect(pacing.epochLength()).toBe(before);
  pacing.observe(500_000n, 5_000_000);
  expect(pacing.epochLength()).toBeGreaterThan((before * 7n) / 10n);
});

test("a backup that has caught up always tells it before the primary could wait for it for ever", () => {
  for (const speed of [1, 10, 100]) expect(settled(speed).lagLimit()).toBeGreaterThan(LAG_WORTH_TELLING);
});
