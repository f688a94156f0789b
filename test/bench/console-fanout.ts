/**
 * `console-fanout`: 200 observers of one console while its guest prints as fast as it can. Each of them gets every byte, which is
 * checked by hash; and the guest takes the time that it takes with nobody but the one who types. The observers are a process of the
 * lowest priority (see console-observers.ts).
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Guest, Installation } from "../support/installation.ts";
import { type Figure, median } from "./bench-line.ts";
import type { ObserversAnswer, ObserversOrder } from "./console-observers.ts";
import { processorTimeMs } from "./processor-time.ts";

const OBSERVERS_PROCESS = fileURLToPath(new URL("console-observers.ts", import.meta.url));
const LOADER = new URL("../../node_modules/tsx/dist/loader.mjs", import.meta.url).href;
const OBSERVERS = 200;
const RUNS = 5;
const LINES = 2_500;
const LINE = "the quick brown fox jumps over the lazy dog";
const PREPARE = `i=0; while [ $i -lt ${LINES} ]; do echo ${LINE}; i=$((i+1)); done >/tmp/lines`;

export async function* consoleFanout(): AsyncGenerator<Figure> {
  const installation = await Installation.start({ workers: 2 });
  const observers = new Observers();
  try {
    const guest = await installation.boot();
    await guest.protectedNow();
    await guest.run(PREPARE);
    await print(guest);
    const alone = await printRuns(guest);
    const from = BigInt((await guest.vm.refresh()).status.console.end);
    await observers.do({
      kind: "attach",
      url: installation.client.url,
      tokenFile: installation.cluster.directory.tokenFile,
      vm: guest.vm.id,
      from: from.toString(),
      observers: OBSERVERS,
    });
    const gateway = installation.cluster.services.find(({ name }) => name === "control-plane")?.pid ?? 0;
    const before = { gateway: processorTimeMs(gateway), observers: processorTimeMs(observers.pid) };
    const observed = await printRuns(guest);
    const seconds = observed.reduce((sum, each) => sum + each, 0);
    const cores = (now: number, then: number) => Number(((now - then) / 1000 / seconds).toFixed(2));
    const used = {
      gatewayCores: cores(processorTimeMs(gateway), before.gateway),
      observersCores: cores(processorTimeMs(observers.pid), before.observers),
    };
    const to = BigInt((await guest.vm.refresh()).status.console.end);
    const began = performance.now();
    const answer = await observers.do({ kind: "digest", bytes: Number(to - from) });
    const behindMs = performance.now() - began;
    if (answer.kind !== "digests" || answer.digests.length !== OBSERVERS) throw new Error("not every observer told what it saw");
    const different = new Set(answer.digests).size;
    if (different !== 1) throw new Error(`${OBSERVERS} observers saw ${different} different outputs`);
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
        observersBehindMs: Math.round(behindMs),
        ...used,
      },
    };
  } finally {
    observers.close();
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

/** Observers of one VM's console, in a process of their own. */
class Observers {
  private readonly child: ChildProcess;
  private readonly ended: Promise<never>;

  constructor() {
    this.child = fork(OBSERVERS_PROCESS, [], { execArgv: ["--import", LOADER] });
    this.ended = new Promise((_resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("exit", (status, signal) => reject(new Error(`The process of the observers has ended: ${signal ?? status}`)));
    });
    this.ended.catch(() => {});
  }

  get pid(): number {
    return this.child.pid as number;
  }

  async do(order: ObserversOrder): Promise<ObserversAnswer> {
    const answered = once(this.child, "message");
    this.child.send(order);
    const [answer] = (await Promise.race([answered, this.ended])) as [ObserversAnswer];
    if (answer.kind === "failed") throw new Error(`An observer failed: ${answer.error}`);
    return answer;
  }

  close(): void {
    this.child.kill("SIGKILL");
  }
}
