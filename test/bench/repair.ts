/**
 * `repair`: a VM without a backup gets one, again and again, while the guest idles, writes 50 MB/s to its memory, or computes:
 * how long until the backup is synced, how long the guest stands still for that, and how fast it is meanwhile.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Guest, Installation } from "../support/installation.ts";
import { type BenchOptions, type Figure, median, quantile } from "./bench-line.ts";
import { processorTimeMs } from "./processor-time.ts";

/** Of each kind, unless `--kills` says another number. */
const REPAIRS = 5;
const MEMORY_MIB = 256;
/** Files in the guest's memory that a transfer has to send beside what the guest has at its prompt. */
const FILLED_MIB = 64;
const FILL = [
  "mknod /tmp/f p; exec 3<>/tmp/f; echo ready",
  "cat /lib/*/libc.so.6 /bin/busybox /bin/busybox > /tmp/all; dd if=/tmp/all of=/tmp/src bs=64k count=32; rm /tmp/all",
  `i=0; while [ $i -lt ${FILLED_MIB / 2} ]; do i=$((i+1)); cat /tmp/src > /tmp/filled$i; done; ls /tmp`,
];
/** 10 MB to the same pages five times a second. */
const WRITE =
  "n=0; while :; do for k in 0 1 2 3 4; do dd if=/tmp/src of=/tmp/w bs=64k seek=$((k*32)) conv=notrunc 2>/dev/null; done; n=$((n+1)); echo $n > /tmp/n; read -t 0.1 x <&3; done &";
const WRITTEN_AT_ONCE_MB = (5 * 32 * 65_536) / 1e6;
/** A line for each piece of work, so that speed can be told from when they come. */
const COMPUTE = "while :; do i=0; while [ $i -lt 400 ]; do i=$((i+1)); done; echo computed; done &";

const ALONE_MS = 2_000;

/** Of `vm.repair.completed`. */
interface RepairData {
  readonly totalMs: number;
  readonly pauseMs: number;
  readonly rounds: number;
  readonly bytes: string;
  readonly sentBytes: string;
}

interface Repair {
  readonly totalMs: number;
  readonly pauseMs: number;
  readonly rounds: number;
  readonly bytes: number;
  readonly sentBytes: number;
  /** Processor time of the worker that sends and of the one that receives, from the order until the backup is synced. */
  readonly senderMs: number;
  readonly receiverMs: number;
  /** When the backup was synced, of this process's `Date.now()`. */
  readonly atMs: number;
}

export async function* repair(options: BenchOptions): AsyncGenerator<Figure> {
  const count = options.kills ?? REPAIRS;
  const installation = await Installation.start();
  try {
    const guest = await installation.boot({ memoryMiB: MEMORY_MIB });
    await guest.protectedNow();
    for (const command of FILL) await guest.run(command);
    yield* figures("idle", await repairs(installation, guest, count), {});

    await guest.run(WRITE);
    const before = { writes: await written(guest), ms: performance.now() };
    const writing = await repairs(installation, guest, count);
    const writes = (await written(guest)) - before.writes;
    const writtenMBPerSecond = Math.round((writes * WRITTEN_AT_ONCE_MB) / ((performance.now() - before.ms) / 1000));
    yield* figures("writing", writing, { writtenMBPerSecond });
    await guest.run("kill $!");

    const lines: number[] = [];
    const stream = await guest.vm.console.attach({ mode: "read", from: "end", signal: installation.signal });
    const reading = (async () => {
      for await (const { data } of stream) for (const byte of data) if (byte === 0x0a) lines.push(Date.now());
    })();
    await guest.console.type(`${COMPUTE}\n`);
    await delay(3_000);
    const computing = await repairs(installation, guest, count);
    yield* figures("computing", computing, {});
    const speeds = computing.map((each) => speedWhile(lines, each));
    yield {
      bench: "repair",
      name: "computing-speed",
      unit: "ratio",
      value: median(speeds),
      n: speeds.length,
      goal: 0.8,
      better: "higher",
      detail: { is: "speed of a CPU-bound guest while state is sent, over its speed alone", worst: Number(Math.min(...speeds).toFixed(3)) },
    };
    stream.close();
    await reading;
    guest.console.close();
  } finally {
    await installation.stop();
  }
}

async function written(guest: Guest): Promise<number> {
  const answer = await guest.run("until [ -s /tmp/n ]; do read -t 0.1 x <&3; done; cat /tmp/n");
  const [writes] = /\d+/.exec(answer) ?? [];
  if (writes === undefined) throw new Error(`the guest that writes answered ${JSON.stringify(answer)}`);
  return Number(writes);
}

function* figures(name: string, done: readonly Repair[], more: Readonly<Record<string, number>>): Generator<Figure> {
  const mib = (bytes: readonly number[]) => Math.round(median(bytes) / 2 ** 20);
  const detail = {
    memoryMiB: MEMORY_MIB,
    stateMiB: mib(done.map(({ bytes }) => bytes)),
    sentMiB: mib(done.map(({ sentBytes }) => sentBytes)),
    senderCpuSeconds: median(done.map(({ senderMs }) => senderMs)) / 1000,
    receiverCpuSeconds: median(done.map(({ receiverMs }) => receiverMs)) / 1000,
    rounds: median(done.map(({ rounds }) => rounds)),
    ...more,
  };
  const figure = (what: string, unit: string, values: readonly number[], goal: number): Figure => ({
    bench: "repair",
    name: `${name}-${what}`,
    unit,
    value: median(values),
    p99: quantile(values, 0.99),
    n: values.length,
    goal,
    better: "lower",
    detail,
  });
  yield figure(
    "synced",
    "s",
    done.map(({ totalMs }) => totalMs / 1000),
    5,
  );
  yield figure(
    "pause",
    "ms",
    done.map(({ pauseMs }) => pauseMs),
    20,
  );
}

/** Takes the backup away and asks for another, so often. */
async function repairs(installation: Installation, guest: Guest, count: number): Promise<Repair[]> {
  const done: Repair[] = [];
  const watch = installation.client.events.watch({ vm: guest.vm.id, types: ["vm.repair.completed"], signal: installation.signal });
  for (let repair = 0; repair < count; repair++) {
    const next = watch.next();
    await guest.vm.update({ spec: { protection: { backups: 0 } } });
    while ((await guest.vm.refresh()).status.protection.syncedBackups > 0) await delay(50);
    // Alone, so that its speed is known.
    await delay(ALONE_MS + 500);
    const before = await processorMs(installation);
    await guest.vm.update({ spec: { protection: { backups: 1 } } });
    const { value: event } = await next;
    const after = await processorMs(installation);
    if (!event || !("data" in event)) throw new Error("events were lost while repairs were watched");
    const { totalMs, pauseMs, rounds, bytes, sentBytes } = event.data as unknown as RepairData;
    const used = (pid: number) => (after.get(pid) ?? 0) - (before.get(pid) ?? 0);
    const senderMs = used((await guest.workerOf("primary")).pid);
    const receiverMs = used((await guest.workerOf("backup")).pid);
    done.push({
      senderMs,
      receiverMs,
      totalMs,
      pauseMs,
      rounds,
      bytes: Number(bytes),
      sentBytes: Number(sentBytes),
      atMs: Date.parse(event.time),
    });
  }
  await watch.return();
  return done;
}

/** Of every worker, by its process. */
async function processorMs(installation: Installation): Promise<ReadonlyMap<number, number>> {
  const workers = await installation.client.workers.list().all();
  return new Map(workers.map(({ status: { pid } }) => [pid, processorTimeMs(pid)]));
}

/** Lines a second while the backup was paired, over lines a second before, alone. */
function speedWhile(lines: readonly number[], { atMs, totalMs }: Repair): number {
  const from = atMs - totalMs;
  const rate = (start: number, end: number) => lines.filter((at) => at >= start && at < end).length / (end - start);
  return rate(from, atMs) / rate(from - ALONE_MS, from - 100);
}
