/**
 * `console-fanout`: 200 observers of one console whose guest computes, and prints 1 MB/s meanwhile. Each of them gets every byte that the
 * one who types gets, which is checked; and the guest takes the time for its work that it takes with nobody but the typist.
 *
 * How much it computes between two pieces of output is measured first, so that alone it prints at that rate. It never waits: whatever
 * slows it is seen. A VM without a backup leaves one of two processors to the service and the observers; a protected one leaves them
 * none, and is measured too. The observers are a process of their own, as nice as a guest (see console-observers.ts).
 *
 * Processors that share caches and pipelines slow each other whatever they do: what a process costs the guest that has nothing to do with it,
 * and takes as much of them as control plane and observers took, is told beside the figure; and how much more processor time the workers took
 * for the same work with observers.
 */
import { type ChildProcess, fork, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ConsoleStream } from "../../src/sdk/index.ts";
import { type Guest, Installation } from "../support/installation.ts";
import { type Figure, median } from "./bench-line.ts";
import type { ObserversAnswer, ObserversOrder } from "./console-observers.ts";
import { processorTimeMs } from "./processor-time.ts";

const OBSERVERS_PROCESS = fileURLToPath(new URL("console-observers.ts", import.meta.url));
const LOADER = new URL("../../node_modules/tsx/dist/loader.mjs", import.meta.url).href;
const OBSERVERS = 200;
/** Of the guest's output. */
const BYTES_A_SECOND = 1_000_000;
/** With the observers and without them in turn, so that both see the same host. */
const ROUNDS = 4;
const LINE = "the quick brown fox jumps over the lazy dog";
const LINES_A_PIECE = 700;
/** On the console a line ends with two characters. */
const PIECE_BYTES = LINES_A_PIECE * (LINE.length + 2);
const PIECES = 128;
/** `p PIECES ADDITIONS`: after each piece it adds so often. */
const PREPARE = [
  `c=$(i=0; while [ $i -lt ${LINES_A_PIECE} ]; do echo ${LINE}; i=$((i+1)); done)`,
  'p() { i=0; while [ $i -lt $1 ]; do echo "$c"; j=0; while [ $j -lt $2 ]; do j=$((j+1)); done; i=$((i+1)); done; }',
];

export async function* consoleFanout(): AsyncGenerator<Figure> {
  for (const protection of ["none", "lockstep"] as const) {
    const installation = await Installation.start({ workers: 2 });
    try {
      const guest = await installation.boot({ protection });
      if (protection === "lockstep") await guest.protectedNow();
      yield await fanout(installation, guest, protection);
    } finally {
      await installation.stop();
    }
  }
}

async function fanout(installation: Installation, guest: Guest, protection: "none" | "lockstep"): Promise<Figure> {
  for (const line of PREPARE) await guest.run(line);
  guest.console.close();
  const typist = await Typist.at(guest);
  const additions = await additionsAPiece(typist);
  const run = async () => (await typist.run(PIECES, additions)).seconds;
  const workers = installation.cluster.services.filter(({ name }) => name.startsWith("worker")).map(({ pid }) => pid ?? 0);
  const ofWorkers = () => workers.reduce((sum, pid) => sum + processorTimeMs(pid), 0);
  const gateway = installation.cluster.services.find(({ name }) => name === "control-plane")?.pid ?? 0;
  const alone: number[] = [];
  const observed: number[] = [];
  const behindMs: number[] = [];
  const used = { gateway: 0, observers: 0, workersAlone: 0, workersObserved: 0 };
  let bytesEach = 0n;
  await run();
  for (let round = 0; round < ROUNDS; round++) {
    const idle = ofWorkers();
    alone.push(await run());
    used.workersAlone += ofWorkers() - idle;
    const observers = new Observers();
    try {
      const from = await typist.beginDigest();
      await observers.do({
        kind: "attach",
        url: installation.client.url,
        tokenFile: installation.cluster.directory.tokenFile,
        vm: guest.vm.id,
        from: from.toString(),
        observers: OBSERVERS,
      });
      const before = { gateway: processorTimeMs(gateway), observers: processorTimeMs(observers.pid), workers: ofWorkers() };
      observed.push(await run());
      used.gateway += processorTimeMs(gateway) - before.gateway;
      used.observers += processorTimeMs(observers.pid) - before.observers;
      used.workersObserved += ofWorkers() - before.workers;
      const began = performance.now();
      const { end, digest } = await typist.endDigest();
      const answer = await observers.do({ kind: "digest", bytes: Number(end - from) });
      behindMs.push(performance.now() - began);
      if (answer.kind !== "digest" || answer.digest !== digest) throw new Error("the observers saw other output than the typist");
      bytesEach += end - from;
    } finally {
      observers.close();
    }
  }
  const secondsObserved = observed.reduce((sum, each) => sum + each, 0);
  const otherWork: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = await run();
    const burner = burn((used.gateway + used.observers) / 1000 / secondsObserved);
    try {
      otherWork.push((await run()) / before);
    } finally {
      burner.kill("SIGKILL");
    }
  }
  typist.close();
  const cores = (ms: number) => Number((ms / 1000 / secondsObserved).toFixed(2));
  return {
    bench: "console-fanout",
    name: protection === "none" ? "guest-slowdown" : "guest-slowdown-protected",
    unit: "ratio",
    value: median(observed.map((seconds, round) => seconds / (alone[round] as number))),
    n: ROUNDS,
    goal: 1.03,
    better: "lower",
    detail: {
      observers: OBSERVERS,
      secondsAlone: Number(median(alone).toFixed(3)),
      secondsObserved: Number(median(observed).toFixed(3)),
      bytesASecondAlone: Math.round((PIECES * PIECE_BYTES) / median(alone)),
      bytesEach: Number(bytesEach),
      observersBehindMs: Math.round(median(behindMs)),
      gatewayCores: cores(used.gateway),
      observersCores: cores(used.observers),
      workersProcessorTimeRatio: Number((used.workersObserved / used.workersAlone).toFixed(3)),
      ratioWithOtherWork: Number(median(otherWork).toFixed(3)),
    },
  };
}

/** A process as nice as a guest that takes this much of one processor. */
function burn(share: number): ChildProcess {
  const work = `
    require("node:os").setPriority(10);
    setInterval(() => { const until = performance.now() + 50 * ${Math.min(1, share)}; while (performance.now() < until); }, 50);`;
  return spawn(process.execPath, ["-e", work], { stdio: "ignore" });
}

/** @returns additions after a piece with which the guest prints `BYTES_A_SECOND`; none on a host where it cannot print so fast */
async function additionsAPiece(typist: Typist): Promise<number> {
  const pieces = PIECES / 4;
  const many = 2_000;
  await typist.run(pieces, many);
  const { seconds: printing } = await typist.run(pieces, 0);
  const { seconds: both } = await typist.run(pieces, many);
  const wanted = (pieces * PIECE_BYTES) / BYTES_A_SECOND;
  return Math.max(0, Math.round(((wanted - printing) / (both - printing)) * many));
}

/** Who types, and hashes what comes back. */
class Typist {
  private tail = "";
  private hash = createHash("sha256");
  private look: () => void = () => {};
  private failure: unknown = null;

  private constructor(
    private readonly guest: Guest,
    private readonly stream: ConsoleStream,
  ) {
    void this.read().catch((error: unknown) => {
      this.failure = error;
      this.look();
    });
  }

  static async at(guest: Guest): Promise<Typist> {
    return new Typist(guest, await guest.vm.console.attach({ mode: "write", from: "end", takeover: true }));
  }

  async run(pieces: number, additions: number): Promise<{ readonly seconds: number }> {
    const began = performance.now();
    this.tail = "";
    await this.stream.write(`p ${pieces} ${additions}\n`);
    await this.until(() => /\r\n[^\r\n]*# (\x1b\[6n)?$/.test(this.tail));
    return { seconds: (performance.now() - began) / 1000 };
  }

  /** @returns from where on bytes are in the digest; all that the guest has written must be here */
  async beginDigest(): Promise<bigint> {
    const end = await this.allOfIt();
    this.hash = createHash("sha256");
    return end;
  }

  async endDigest(): Promise<{ readonly end: bigint; readonly digest: string }> {
    return { end: await this.allOfIt(), digest: this.hash.copy().digest("hex") };
  }

  close(): void {
    this.stream.close();
  }

  private async allOfIt(): Promise<bigint> {
    const end = BigInt((await this.guest.vm.refresh()).status.console.end);
    await this.until(() => this.stream.offset >= end);
    return this.stream.offset;
  }

  private async until(condition: () => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      this.look = () => {
        if (this.failure !== null || condition()) resolve();
      };
      this.look();
    });
    if (this.failure !== null) throw this.failure;
  }

  private async read(): Promise<void> {
    for await (const { data } of this.stream) {
      this.hash.update(data);
      this.tail = (this.tail + Buffer.from(data).toString("latin1")).slice(-200);
      this.look();
    }
  }
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
