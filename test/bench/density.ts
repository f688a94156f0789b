/**
 * `density`: so many idle protected pairs on two workers: what they hold in memory, what each pair costs a processor on either
 * side and the log, and whether one of them still fails over in time while all the others are there.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { type Guest, Installation } from "../support/installation.ts";
import { type BenchOptions, type Figure, median, quantile } from "./bench-line.ts";

const PAIRS = 100;
const GUEST_MIB = 96;
/** So many boot at a time: they are busy then. */
const AT_ONCE = 2;
const SETTLE_MS = 20_000;
const MEASURE_MS = 60_000;
/** The guest that is watched counts so often: the resolution of the gap. */
const COUNT_EVERY_SECONDS = 0.01;
/** Linux counts processor time so. */
const TICK_MS = 10;
const WORKERS = 2;

export async function* density({ pairs = PAIRS }: BenchOptions): AsyncGenerator<Figure> {
  const installation = await Installation.start({
    workers: WORKERS,
    // With the time-outs of a worker in service: one that is killed frees its guests' memory before its channels break.
    env: {
      UNDERSTUDY_WORKER_MEMORY_MIB: String(2 * GUEST_MIB * pairs),
      UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: undefined,
      UNDERSTUDY_MAX_LAG_MS: undefined,
    },
  });
  try {
    const guests: Guest[] = [];
    const startedAt = performance.now();
    while (guests.length < pairs) {
      const batch = Array.from({ length: Math.min(AT_ONCE, pairs - guests.length) }, (_none, index) =>
        protectedGuest(installation, `vm-${guests.length + index}`),
      );
      guests.push(...(await Promise.all(batch)));
      if (guests.length % 10 === 0)
        process.stderr.write(`${guests.length} pairs, ${Math.round(residentMiB(await pids(installation)))} MiB\n`);
    }
    const bootSeconds = (performance.now() - startedAt) / 1000;
    await delay(SETTLE_MS);
    const workers = await pids(installation);
    const before = { cpuMs: cpuMs(workers), logBytes: await logBytes(installation), ms: performance.now() };
    await delay(MEASURE_MS);
    const elapsedMs = performance.now() - before.ms;
    const cpuPercent = (100 * (cpuMs(workers) - before.cpuMs)) / elapsedMs / (2 * pairs);
    const logBits = (8000 * ((await logBytes(installation)) - before.logBytes)) / elapsedMs / pairs;
    for (const guest of guests) {
      const { status } = await guest.vm.refresh();
      if (status.protection.state !== "protected") throw new Error(`${guest.vm.id} is ${status.protection.state}`);
    }
    const detail = { pairs, memoryMiB: GUEST_MIB };
    const mib = residentMiB(workers);
    yield {
      bench: "density",
      name: "resident",
      unit: "MiB",
      value: mib,
      n: 1,
      goal: 24 * 1024,
      better: "lower",
      detail: { ...detail, perReplicaMiB: Number((mib / (2 * pairs)).toFixed(1)), bootSeconds: Math.round(bootSeconds) },
    };
    yield {
      bench: "density",
      name: "cpu",
      unit: "% of a core",
      value: cpuPercent,
      n: 1,
      goal: 0.5,
      better: "lower",
      detail: { ...detail, perSideOfPair: 1 },
    };
    yield { bench: "density", name: "log", unit: "bits/s", value: logBits, n: 1, goal: 1000, better: "lower", detail };
    yield* await failedOver(guests, detail);
    for (const guest of guests) guest.console.close();
  } finally {
    await installation.stop();
  }
}

async function protectedGuest(installation: Installation, name: string): Promise<Guest> {
  const guest = await installation.boot({ name, memoryMiB: GUEST_MIB });
  await guest.protectedNow();
  return guest;
}

/** One worker dies with all its replicas: what a client of one VM sees, and the service of all whose primary was there. */
async function failedOver(guests: readonly Guest[], detail: NonNullable<Figure["detail"]>): Promise<Figure[]> {
  const [watched] = guests;
  if (watched === undefined) throw new Error("there is no pair");
  await watched.beginStory(50, COUNT_EVERY_SECONDS);
  await watched.expectGuestLines(10);
  const { pid } = await watched.workerOf("primary");
  watched.console.resetSilence();
  process.kill(pid, "SIGKILL");
  await watched.expectGuestLines(20);
  const { silenceMs } = watched.console;
  const [gap] = await completedGaps(watched);
  const inside: number[] = [];
  for (const guest of guests) inside.push(...(await completedGaps(guest)));
  if (gap === undefined) throw new Error("the VM whose primary was killed has not failed over");
  const { problems } = await watched.endStory();
  if (problems.length > 0) throw new Error(`the transcript does not hold: ${problems.join("; ")}`);
  const figure = { bench: "density", unit: "ms", better: "lower", detail } as const;
  return [
    { ...figure, name: "failover", value: silenceMs, n: 1, goal: 150 },
    { ...figure, name: "failover-inside", value: median(inside), p99: quantile(inside, 0.99), n: inside.length, goal: 50, goalP99: 150 },
  ];
}

/** Of a VM whose primary was on the worker that died; none of one whose backup was there. */
async function completedGaps(guest: Guest): Promise<number[]> {
  for (;;) {
    const { status } = await guest.vm.refresh();
    const failovers = await guest.vm.failovers().all();
    const gaps = failovers.flatMap(({ gapMs }) => (gapMs === null ? [] : [gapMs.total]));
    if (gaps.length > 0) return gaps;
    // Its backup was there: the primary has gone on alone, in a term after the second.
    if (status.state === "running" && failovers.length === 0 && status.term > 2) return [];
    if (status.state !== "running") throw new Error(`${guest.vm.id} is ${status.state} after its worker died`);
    await delay(100);
  }
}

async function pids({ client }: Installation): Promise<readonly number[]> {
  return (await client.workers.list().all()).map(({ status }) => status.pid);
}

function residentMiB(workers: readonly number[]): number {
  return workers.reduce(
    (sum, pid) => sum + Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024,
    0,
  );
}

/** User and system time of the processes with all their threads. */
function cpuMs(workers: readonly number[]): number {
  return workers.reduce((sum, pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }, 0);
}

/** What all primaries have sent, as the service counts it. */
async function logBytes(installation: Installation): Promise<number> {
  const { data } = await installation.client.raw.GET("/metrics", { parseAs: "text" });
  if (typeof data !== "string") throw new Error("/metrics cannot be read");
  return data
    .split("\n")
    .filter((line) => line.startsWith("understudy_replication_log_bytes_total{"))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0);
}
