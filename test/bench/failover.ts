/**
 * `failover` and `repair`: the primary's process is killed again and again while the guest writes; what a client sees, and how
 * long until protected. Then it is stopped again and again, which only its silence tells.
 */
import { type Guest, Installation } from "../support/installation.ts";
import { type BenchOptions, type Figure, median, quantile } from "./bench-line.ts";

/** Of each kind, unless `--kills` says another number. */
const FAILOVERS = 200;
/** What a silent primary costs: the service's default. */
const HEARTBEAT_TIMEOUT_MS = 300;
/** The guest counts so often: the resolution of the gap. */
const COUNT_EVERY_SECONDS = 0.01;

export async function* failover(options: BenchOptions): AsyncGenerator<Figure> {
  const count = options.kills ?? FAILOVERS;
  yield* afterKills(count);
  yield* afterKillsOfTwoBackups(count);
  yield* afterStops(count);
}

async function* afterKills(kills: number): AsyncGenerator<Figure> {
  const installation = await Installation.start();
  try {
    const guest = await installation.boot();
    await guest.protectedNow();
    await guest.beginStory(50, COUNT_EVERY_SECONDS);
    const pauses = watchRepairs(installation, guest);
    const gaps: number[] = [];
    const repairs: number[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const { term, start } = await killPrimary(guest);
      await guest.expectGuestLines(20);
      gaps.push(guest.console.silenceMs);
      await guest.protectedAfter(term);
      repairs.push((performance.now() - start) / 1000);
      // A backup that has no place waits for the supervisor, not for its repair.
      await installation.workersReady();
    }
    await judge(guest);
    const inside = (await guest.vm.failovers().all()).flatMap(({ gapMs }) => (gapMs === null ? [] : [gapMs.total]));
    const pauseMs = await pauses.stop();
    guest.console.close();

    const detail = { clientVisible: "longest silence of a guest that writes every 10 ms" };
    yield {
      bench: "failover",
      name: "kill",
      unit: "ms",
      value: median(gaps),
      p99: quantile(gaps, 0.99),
      n: kills,
      goal: 50,
      goalP99: 150,
      better: "lower",
      detail,
    };
    yield {
      bench: "failover",
      name: "kill-inside",
      unit: "ms",
      value: median(inside),
      p99: quantile(inside, 0.99),
      n: inside.length,
      better: "lower",
    };
    yield {
      bench: "repair",
      name: "protected-again",
      unit: "s",
      value: median(repairs),
      p99: quantile(repairs, 0.99),
      n: kills,
      goal: 5,
      better: "lower",
      detail: { memoryMiB: 128 },
    };
    yield {
      bench: "repair",
      name: "guest-pause",
      unit: "ms",
      value: median(pauseMs),
      p99: quantile(pauseMs, 0.99),
      n: pauseMs.length,
      goal: 20,
      goalP99: 20,
      better: "lower",
    };
  } finally {
    await installation.stop();
  }
}

/** While the guest counts. @returns when, and the term that the service knew of */
async function killPrimary(guest: Guest): Promise<{ readonly term: number; readonly start: number }> {
  await guest.expectGuestLines(10);
  const { term } = guest.vm.status;
  const { pid } = await guest.workerOf("primary");
  guest.console.resetSilence();
  const start = performance.now();
  process.kill(pid, "SIGKILL");
  return { term, start };
}

/** One backup takes over, and the other one follows it: it is protected without a transfer, unless that one had executed more. */
async function* afterKillsOfTwoBackups(kills: number): AsyncGenerator<Figure> {
  const installation = await Installation.start({ workers: 4 });
  try {
    const guest = await installation.boot({ backups: 2 });
    await guest.vm.waitFor("fully_protected", { timeoutMs: 120_000 });
    await guest.beginStory(50, COUNT_EVERY_SECONDS);
    const gaps: number[] = [];
    const againMs: number[] = [];
    let newest = "0";
    for await (const { seq } of installation.client.events.list({ vm: guest.vm.id })) newest = seq;
    for (let kill = 0; kill < kills; kill++) {
      const { term, start } = await killPrimary(guest);
      await guest.protectedAfter(term);
      againMs.push(performance.now() - start);
      await guest.expectGuestLines(20);
      gaps.push(guest.console.silenceMs);
      await installation.workersReady();
      await guest.vm.waitFor("fully_protected", { timeoutMs: 120_000 });
    }
    await judge(guest);
    guest.console.close();
    let unprotected = 0;
    const changes = installation.client.events.list({ vm: guest.vm.id, types: ["vm.protection.changed"], after: newest });
    for await (const { data } of changes) if (data?.state === "unprotected") unprotected++;
    yield {
      bench: "failover",
      name: "kill-of-two-backups",
      unit: "ms",
      value: median(gaps),
      p99: quantile(gaps, 0.99),
      n: kills,
      goal: 50,
      goalP99: 150,
      better: "lower",
      detail: { unprotected },
    };
    yield {
      bench: "failover",
      name: "protected-again-of-two-backups",
      unit: "ms",
      value: median(againMs),
      p99: quantile(againMs, 0.99),
      n: kills,
      better: "lower",
    };
  } finally {
    await installation.stop();
  }
}

/** The stopped process is continued once the VM is protected again; it then finds itself fenced, and is free for the next backup. */
async function* afterStops(stops: number): AsyncGenerator<Figure> {
  const installation = await Installation.start({
    env: { UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: String(HEARTBEAT_TIMEOUT_MS), UNDERSTUDY_MAX_LAG_MS: "2000" },
  });
  try {
    const guest = await installation.boot();
    await guest.protectedNow();
    await guest.beginStory(50, COUNT_EVERY_SECONDS);
    const gaps: number[] = [];
    const inside: number[] = [];
    while (gaps.length < stops) {
      await guest.protectedNow();
      await guest.expectGuestLines(10);
      const { term } = guest.vm.status;
      const { pid, replicaId } = await guest.workerOf("primary");
      guest.console.resetSilence();
      process.kill(pid, "SIGSTOP");
      try {
        await guest.decidedAfter(term);
        await guest.expectGuestLines(20);
        gaps.push(guest.console.silenceMs);
        await guest.protectedAfter(term);
      } finally {
        process.kill(pid, "SIGCONT");
      }
      const failovers = await guest.vm.failovers().all();
      const mine = failovers.find(({ from }) => from === replicaId)?.gapMs;
      if (mine) inside.push(mine.total);
    }
    await judge(guest);
    guest.console.close();
    yield {
      bench: "failover",
      name: "stop",
      unit: "ms",
      value: median(gaps),
      p99: quantile(gaps, 0.99),
      n: gaps.length,
      goal: HEARTBEAT_TIMEOUT_MS + 150,
      goalP99: HEARTBEAT_TIMEOUT_MS + 150,
      better: "lower",
      detail: { clientVisible: "longest silence of a guest that writes every 10 ms", heartbeatTimeoutMs: HEARTBEAT_TIMEOUT_MS },
    };
    yield {
      bench: "failover",
      name: "stop-inside",
      unit: "ms",
      value: median(inside),
      p99: quantile(inside, 0.99),
      n: inside.length,
      better: "lower",
    };
  } finally {
    await installation.stop();
  }
}

/** @throws {Error} where a byte is lost or repeated, or an acknowledged line not heard */
async function judge(guest: Guest): Promise<void> {
  const { problems } = await guest.endStory();
  if (problems.length > 0) throw new Error(`the transcript does not hold: ${problems.join("; ")}`);
}

/** Collects the pauses that completed pairings report. */
function watchRepairs(installation: Installation, guest: Guest): { stop: () => Promise<number[]> } {
  const abort = new AbortController();
  const pauses: number[] = [];
  const done = (async () => {
    for await (const event of installation.client.events.watch({ vm: guest.vm.id, types: ["vm.repair.completed"], signal: abort.signal })) {
      if (!("data" in event)) throw new Error("events were lost while repairs were watched");
      const { pauseMs } = event.data as { pauseMs?: number };
      if (pauseMs !== undefined) pauses.push(pauseMs);
    }
  })().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error;
  });
  return {
    stop: async () => {
      abort.abort();
      await done;
      return pauses;
    },
  };
}
