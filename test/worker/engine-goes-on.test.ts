/** An engine thread, a real one: it begins the epoch that it is allowed by itself, and no other. */
import { afterEach, expect, test } from "vitest";
import { CLOCK_RATE_INSTRUCTIONS } from "../../src/engine/epoch.ts";
import type { AllowedEpoch } from "../../src/hypervisor/messages.ts";
import { type EngineAnswer, EngineClient } from "../../src/worker/engine-client.ts";
import { nowUs } from "../../src/worker/monotonic-clock.ts";
import { machineModule } from "../support/machine-module.ts";
import { guestImage } from "./guest-program.ts";

const LENGTH = 2_000_000n;
/** A little over 0.1 ticks each. */
const RATE = Math.ceil(CLOCK_RATE_INSTRUCTIONS / 10);
const FOR_EVER = 1n << 62n;

type Ended = Extract<EngineAnswer, { kind: "epochEnded" }>;

const clients: EngineClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

/** A guest that is busy for ever, and what its engine answers. */
class BusyGuest {
  readonly client: EngineClient;
  private readonly answers: EngineAnswer[] = [];
  private answered = (): void => {};

  private constructor() {
    this.client = new EngineClient({
      threadUrl: new URL("../../dist/engine-thread.mjs", import.meta.url),
      module: machineModule(),
      memoryMiB: 16,
      compiler: null,
      onReply: (reply) => {
        this.answers.push(reply);
        this.answered();
      },
      onFailure: (error) => {
        throw error;
      },
    });
    clients.push(this.client);
  }

  static async boot(): Promise<BusyGuest> {
    const guest = new BusyGuest();
    const kernel = guestImage({ periodTicks: 10_000_000, busy: true });
    const none = new Uint8Array(64);
    guest.client.post({ kind: "loadLinux", kernel, initramfs: none, cmdline: "", rngSeed: new Uint8Array(32), consoleBase: 0n });
    expect((await guest.next()).kind).toBe("loaded");
    return guest;
  }

  async next(): Promise<EngineAnswer> {
    while (this.answers.length === 0) {
      await new Promise<void>((resolve) => {
        this.answered = resolve;
      });
    }
    return this.answers.shift() as EngineAnswer;
  }

  async ended(): Promise<Ended> {
    const answer = await this.next();
    if (answer.kind !== "epochEnded") throw new Error(`an epoch is answered with ${answer.kind}`);
    return answer;
  }

  run(epoch: bigint, { exact = false, limitInstant = LENGTH, time = 0n } = {}): void {
    this.client.post({ kind: "runEpoch", epoch, limitInstant, exact, clock: { time, rate: RATE }, inputs: [], wantHash: false });
  }

  allow(epoch: bigint, { beforeTime = FOR_EVER, clockOffset = 0n }: Partial<AllowedEpoch> = {}): void {
    this.client.allowEpoch({ epoch, length: LENGTH, rate: RATE, clockOffset, beforeTime });
  }
}

test("the next epoch is begun where it is allowed, at the end of the one before, with the clock as it is then", async () => {
  const guest = await BusyGuest.boot();
  const fromUs = nowUs();
  guest.allow(5n);
  guest.run(4n);
  const first = await guest.ended();
  expect(first).toMatchObject({ endInstant: LENGTH, reason: "limit", begun: { limitInstant: 2n * LENGTH, clock: { rate: RATE } } });
  const second = await guest.ended();
  expect(second.begun).toBeNull();
  expect(second.endInstant).toBeGreaterThan(LENGTH);
  const { startedUs = 0, clock } = first.begun ?? {};
  expect(clock?.time).toBe(BigInt(startedUs) * 10n);
  expect(startedUs).toBeGreaterThanOrEqual(fromUs);
  expect(startedUs).toBeLessThanOrEqual(nowUs());
  expect(second.time).toBe((clock?.time ?? 0n) + ((second.endInstant - LENGTH) * BigInt(RATE)) / BigInt(CLOCK_RATE_INSTRUCTIONS));
});

test("guest time does not go back where the clock is behind it", async () => {
  const guest = await BusyGuest.boot();
  guest.allow(1n, { clockOffset: -(1n << 60n) });
  guest.run(0n);
  const first = await guest.ended();
  expect(first.begun?.clock.time).toBe(first.time);
});

test.each([
  ["another epoch is allowed", (guest: BusyGuest) => guest.allow(6n)],
  ["an epoch that has been run is allowed", (guest: BusyGuest) => guest.allow(4n)],
  ["what is due is due by then", (guest: BusyGuest) => guest.allow(5n, { beforeTime: LENGTH / 20n })],
  ["nothing is allowed", () => {}],
] as const)("no epoch is begun where %s", async (_where, prepare) => {
  const guest = await BusyGuest.boot();
  prepare(guest);
  guest.run(4n);
  expect(await guest.ended()).toMatchObject({ endInstant: LENGTH, begun: null });
});

test("an early end is the end of them all", async () => {
  const guest = await BusyGuest.boot();
  guest.allow(5n);
  guest.run(4n, { limitInstant: 1n << 40n });
  guest.client.endEpochEarly();
  expect(await guest.ended()).toMatchObject({ reason: "stopped", begun: null });
});

test("a backup's epochs are run as they come, one after the other, whatever was allowed before", async () => {
  const guest = await BusyGuest.boot();
  guest.allow(5n);
  guest.run(4n, { exact: true });
  guest.run(5n, { exact: true, limitInstant: LENGTH + 10n, time: LENGTH });
  expect(await guest.ended()).toMatchObject({ endInstant: LENGTH, begun: null });
  expect(await guest.ended()).toMatchObject({ endInstant: LENGTH + 10n, begun: null });
});
