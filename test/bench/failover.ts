/** `failover` and `repair`: the primary's process is killed again and again while the guest writes; what a client sees, and how long until protected. */
import { checkTranscript } from "../../src/cli/demo/transcript.ts";
import { type Guest, Installation } from "../support/installation.ts";
import { type Figure, median, quantile } from "./bench-line.ts";

const KILLS = 20;
/** The guest counts so often: the resolution of the gap. */
const COUNT_EVERY_SECONDS = 0.01;

export async function* failover(): AsyncGenerator<Figure> {
  const installation = await Installation.start();
  try {
    const guest = await installation.boot();
    await guest.protectedNow();
    await guest.beginStory(50, COUNT_EVERY_SECONDS);
    const pauses = watchRepairs(installation, guest);
    const gaps: number[] = [];
    const repairs: number[] = [];
    for (let kill = 0; kill < KILLS; kill++) {
      await guest.expectGuestLines(10);
      const { term } = guest.vm.status;
      const { pid } = await guest.workerOf("primary");
      guest.console.resetSilence();
      const start = performance.now();
      process.kill(pid, "SIGKILL");
      await guest.expectGuestLines(20);
      gaps.push(guest.console.silenceMs);
      await guest.protectedAfter(term);
      repairs.push((performance.now() - start) / 1000);
    }
    await guest.endStory();
    const { console } = guest;
    const verdict = checkTranscript(console.transcript, { typed: console.typed, acknowledged: console.acknowledged });
    const problems = [...console.problems, ...verdict.problems];
    if (problems.length > 0) throw new Error(`the transcript does not hold: ${problems.join("; ")}`);
    const inside = (await guest.vm.failovers().all()).flatMap(({ gapMs }) => (gapMs === null ? [] : [gapMs.total]));
    const pauseMs = await pauses.stop();
    console.close();

    const detail = { clientVisible: "longest silence of a guest that writes every 10 ms" };
    yield {
      bench: "failover",
      name: "kill",
      unit: "ms",
      value: median(gaps),
      p99: quantile(gaps, 0.99),
      n: KILLS,
      goal: 50,
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
      n: KILLS,
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
      better: "lower",
    };
  } finally {
    await installation.stop();
  }
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
