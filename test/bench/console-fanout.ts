/**
 * `console-fanout`: 200 observers of one console while its guest prints as fast as it can. Each of them gets every byte, which is
 * checked by hash; and the guest takes the time that it takes with nobody but the one who types.
 */
import { createHash } from "node:crypto";
import type { ConsoleStream } from "../../src/sdk/index.ts";
import { type Guest, Installation } from "../support/installation.ts";
import { type Figure, median } from "./bench-line.ts";

const OBSERVERS = 200;
/** Attachments that are begun together. */
const AT_ONCE = 20;
const RUNS = 5;
const LINES = 2_500;
const LINE = "the quick brown fox jumps over the lazy dog";
const PREPARE = `i=0; while [ $i -lt ${LINES} ]; do echo ${LINE}; i=$((i+1)); done >/tmp/lines`;

export async function* consoleFanout(): AsyncGenerator<Figure> {
  const installation = await Installation.start({ workers: 2 });
  try {
    const guest = await installation.boot();
    await guest.protectedNow();
    await guest.run(PREPARE);
    await print(guest);
    const alone = await printRuns(guest);
    const from = BigInt((await guest.vm.refresh()).status.console.end);
    const observers: Observer[] = [];
    while (observers.length < OBSERVERS) {
      observers.push(
        ...(await Promise.all(Array.from({ length: AT_ONCE }, async () => new Observer(await guest.vm.console.attach({ from }))))),
      );
    }
    const observed = await printRuns(guest);
    const to = BigInt((await guest.vm.refresh()).status.console.end);
    const began = performance.now();
    const digests = new Set(await Promise.all(observers.map((observer) => observer.digest(to - from))));
    if (digests.size !== 1) throw new Error(`${OBSERVERS} observers saw ${digests.size} different outputs`);
    for (const observer of observers) observer.close();
    guest.console.close();
    yield {
      bench: "console-fanout",
      name: "guest-slowdown",
      unit: "ratio",
      value: median(observed) / median(alone),
      n: RUNS,
      goal: 1.03,
      better: "lower",
      detail: {
        observers: OBSERVERS,
        secondsAlone: Number(median(alone).toFixed(3)),
        bytesASecondAlone: Math.round((LINES * (LINE.length + 2)) / median(alone)),
        bytesEach: Number(to - from),
        observersBehindMs: Math.round(performance.now() - began),
      },
    };
  } finally {
    await installation.stop();
  }
}

async function printRuns(guest: Guest): Promise<number[]> {
  const seconds: number[] = [];
  for (let run = 0; run < RUNS; run++) seconds.push(await print(guest));
  return seconds;
}

/** @returns seconds from the command typed to the prompt behind its output */
async function print(guest: Guest): Promise<number> {
  const start = performance.now();
  const answer = await guest.run("cat /tmp/lines");
  const seconds = (performance.now() - start) / 1000;
  const lines = answer.split("\r\n").filter((line) => line === LINE).length;
  if (lines !== LINES) throw new Error(`the guest printed ${lines} lines, wanted are ${LINES}`);
  return seconds;
}

/** Reads all that comes, as fast as it comes. */
class Observer {
  private readonly chunks: Uint8Array[] = [];
  private bytes = 0n;
  private failure: unknown = null;
  private wanted: bigint | null = null;
  private finish: () => void = () => {};

  constructor(private readonly stream: ConsoleStream) {
    void this.read().catch((error: unknown) => {
      this.failure = error;
      this.finish();
    });
  }

  /** @returns the hash of the first so many bytes, when they are there */
  async digest(bytes: bigint): Promise<string> {
    this.wanted = bytes;
    await new Promise<void>((resolve) => {
      this.finish = resolve;
      this.look();
    });
    if (this.failure !== null) throw this.failure;
    return createHash("sha256")
      .update(Buffer.concat(this.chunks).subarray(0, Number(bytes)))
      .digest("hex");
  }

  close(): void {
    this.stream.close();
  }

  private async read(): Promise<void> {
    for await (const { data } of this.stream) {
      this.chunks.push(data);
      this.bytes += BigInt(data.length);
      this.look();
    }
  }

  private look(): void {
    if (this.failure !== null || (this.wanted !== null && this.bytes >= this.wanted)) this.finish();
  }
}
