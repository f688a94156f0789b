/** Engine threads and a compile thread, real ones, as a worker has them: what they say of their translated code, and what they share. */
import { afterEach, expect, test } from "vitest";
import { CLOCK_RATE_INSTRUCTIONS } from "../../src/engine/epoch.ts";
import { CompileService } from "../../src/worker/compile-service.ts";
import { type EngineAnswer, EngineClient } from "../../src/worker/engine-client.ts";
import { RegionAccount } from "../../src/worker/region-account.ts";
import type { TranslationStatistics } from "../../src/worker/replica-report.ts";
import { machineModule } from "../support/machine-module.ts";
import { guestImage } from "./guest-program.ts";

const MEMORY_MIB = 16;
const EPOCH_INSTRUCTIONS = 2_000_000n;
/** 0.1 ticks each. */
const RATE = CLOCK_RATE_INSTRUCTIONS / 10;

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function compileService(account: RegionAccount): CompileService {
  const service = new CompileService(
    new URL("../../dist/compile-thread.mjs", import.meta.url),
    (error) => {
      throw error;
    },
    { account },
  );
  cleanups.push(() => service.stop());
  return service;
}

/** A guest that is busy for ever, in an engine thread of its own. */
class BusyReplica {
  private readonly client: EngineClient;
  private answered: (answer: EngineAnswer) => void = () => {};
  private instant = 0n;
  private time = 0n;

  constructor(compiler: CompileService | null) {
    this.client = new EngineClient({
      threadUrl: new URL("../../dist/engine-thread.mjs", import.meta.url),
      module: machineModule(),
      memoryMiB: MEMORY_MIB,
      compiler,
      onReply: (reply) => this.answered(reply),
      onFailure: (error) => {
        throw error;
      },
    });
    cleanups.push(() => this.end());
  }

  async boot(): Promise<void> {
    const kernel = guestImage({ periodTicks: 10_000_000, busy: true });
    await this.ask({ kind: "loadLinux", kernel, initramfs: new Uint8Array(64), cmdline: "", rngSeed: new Uint8Array(32), consoleBase: 0n });
  }

  /** Runs until what it says of its translated code is as it should be. */
  async runUntil(enough: (statistics: TranslationStatistics) => boolean): Promise<TranslationStatistics> {
    for (;;) {
      const statistics = await this.epoch();
      if (statistics !== null && enough(statistics)) return statistics;
    }
  }

  async epoch(): Promise<TranslationStatistics | null> {
    const answer = await this.ask({
      kind: "runEpoch",
      epoch: 0n,
      limitInstant: this.instant + EPOCH_INSTRUCTIONS,
      exact: true,
      clock: { time: this.time, rate: RATE },
      inputs: [],
      wantHash: false,
    });
    if (answer.kind !== "epochEnded") throw new Error(`an epoch is answered with ${answer.kind}`);
    this.instant = answer.endInstant;
    this.time = answer.time;
    return answer.translation;
  }

  end(): void {
    this.client.close();
  }

  private ask(command: Parameters<EngineClient["post"]>[0]): Promise<EngineAnswer> {
    return new Promise((resolve) => {
      this.answered = resolve;
      this.client.post(command);
    });
  }
}

test("a replica says how much of its guest runs in regions, what left them, and what compiling took", async () => {
  const account = new RegionAccount(1000);
  const compiler = compileService(account);
  const first = new BusyReplica(compiler);
  await first.boot();
  const warm = await first.runUntil(({ retired }) => retired > 1_000_000);
  // Of those that it holds, some may have been replaced.
  expect(warm.regions).toBeLessThanOrEqual(account.regions);
  expect(warm.regions).toBeGreaterThan(0);
  expect(warm.compileMs).toBeGreaterThan(0);
  expect(warm.executed).toBeGreaterThanOrEqual(warm.retired);
  // Its loop looks at the serial port, which is a device.
  expect(warm.exits.interpret).toBeGreaterThan(0);

  const second = new BusyReplica(compiler);
  await second.boot();
  const served = await second.runUntil(({ shared }) => shared > 0);
  expect(served.shared).toBeLessThanOrEqual(served.installed);
});

test("an interpreted replica says nothing of translated code", async () => {
  const replica = new BusyReplica(null);
  await replica.boot();
  expect(await replica.epoch()).toBeNull();
});

test("a replica that finds the process full is interpreted until another one's thread has ended", async () => {
  const account = new RegionAccount(1);
  const compiler = compileService(account);
  const first = new BusyReplica(compiler);
  await first.boot();
  await first.runUntil(({ regions }) => regions === 1);

  const second = new BusyReplica(compiler);
  await second.boot();
  const refused = await second.runUntil(({ late }) => late > 0);
  expect(refused.regions).toBe(0);
  expect(account.regions).toBe(1);

  first.end();
  const granted = await second.runUntil(({ regions }) => regions > 0);
  expect(granted.regions).toBe(1);
  expect(account.regions).toBe(1);
});
