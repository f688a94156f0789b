/**
 * `early-stop`: microseconds from the moment at which one thread asks that a run end to the moment at which it has ended on the other
 * one, with what the guest's thread does between two runs of translated code. The thread that asks sleeps for a random time first.
 */
import { Worker } from "node:worker_threads";
import { Prng } from "../../src/base/prng.ts";
import { StopRequest } from "../../src/engine/stop-request.ts";
import { type Figure, median, quantile } from "./bench-line.ts";
import { type StoppedGuest, type StoppedThreadData, StoppedWord } from "./early-stop-messages.ts";
import { translating } from "./our-engines.ts";

const SAMPLES = 1000;
/** What runs often is translated, and compiled for speed, after so many. */
const WARM_UP = 200;
const PAUSE_US_MAX = 4000;
const STOP_TIMEOUT_MS = 60_000;

export async function* earlyStop(): AsyncGenerator<Figure> {
  yield await figure("translated loop", "loop", true);
  yield await figure("interpreted loop", "loop", false);
  yield await figure("boot, translated", "boot", true);
  yield await figure("boot, interpreted", "boot", false);
}

async function figure(name: string, guest: StoppedGuest, translates: boolean): Promise<Figure> {
  const compile = translates ? translating().compile : null;
  const line = compile?.connect() ?? null;
  const request = new StopRequest();
  const words = new BigInt64Array(new SharedArrayBuffer(8 * Object.keys(StoppedWord).length));
  const workerData: StoppedThreadData = { guest, compiler: line, stopMemory: request.memory, words };
  const thread = new Worker(new URL("early-stop-thread.mjs", import.meta.url), { workerData, transferList: line ? [line.port] : [] });
  const ended = new Promise<never>((_, reject) => {
    thread.once("error", reject);
    thread.once("exit", () => reject(new Error(`Cannot measure ${name}: its thread has ended`)));
  });
  ended.catch(() => {});
  try {
    const samples: number[] = [];
    const pauses = new Prng(1);
    for (let sample = -WARM_UP; sample < SAMPLES; sample++) {
      // The compile thread is asked for by this one's event loop, and a thread that has failed is heard of there.
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, pauses.between(0, PAUSE_US_MAX) / 1000))]);
      if (Atomics.load(words, StoppedWord.running) === 0n) await runs(words, ended);
      const microseconds = await stop(request, words, name);
      if (sample >= 0) samples.push(microseconds);
    }
    return {
      bench: "early-stop",
      name,
      unit: "us",
      value: median(samples),
      p99: quantile(samples, 0.99),
      n: SAMPLES,
      better: "lower",
      detail: { longest: Math.round(Math.max(...samples)), machines: Number(Atomics.load(words, StoppedWord.machines)) },
    };
  } finally {
    await thread.terminate();
    await compile?.stop();
  }
}

async function runs(words: BigInt64Array, ended: Promise<never>): Promise<void> {
  while (Atomics.load(words, StoppedWord.running) === 0n) {
    await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1))]);
  }
}

/** @returns microseconds */
async function stop(request: StopRequest, words: BigInt64Array, name: string): Promise<number> {
  const before = Atomics.load(words, StoppedWord.stoppedNs);
  const askedNs = process.hrtime.bigint();
  request.ask();
  if (Atomics.wait(words, StoppedWord.stoppedNs, before, STOP_TIMEOUT_MS) === "timed-out") {
    throw new Error(`Cannot measure ${name}: a run that was asked to stop goes on after ${STOP_TIMEOUT_MS} ms`);
  }
  const stoppedNs = Atomics.load(words, StoppedWord.stoppedNs);
  request.withdraw();
  Atomics.store(words, StoppedWord.running, 0n);
  Atomics.notify(words, StoppedWord.running);
  return Number(stoppedNs - askedNs) / 1000;
}
