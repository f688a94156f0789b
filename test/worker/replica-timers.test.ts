import { describe, expect, test } from "vitest";
import type { TimerId } from "../../src/hypervisor/messages.ts";
import { ReplicaTimers } from "../../src/worker/replica-timers.ts";

const nowUs = () => Math.trunc(performance.now() * 1000);

/** Timers, and a promise of the first `count` that come due, with when they did. */
function collect(count: number): {
  timers: ReplicaTimers;
  due: Promise<readonly { readonly kind: TimerId["kind"]; readonly atUs: number }[]>;
} {
  const seen: { kind: TimerId["kind"]; atUs: number }[] = [];
  let resolve: (all: typeof seen) => void = () => {};
  const due = new Promise<typeof seen>((done) => (resolve = done));
  const timers = new ReplicaTimers(nowUs, ({ kind }) => {
    seen.push({ kind, atUs: nowUs() });
    if (seen.length === count) resolve(seen);
  });
  return { timers, due };
}

describe("a replica's timers", () => {
  test("come due in the order of their deadlines, and never early", async () => {
    const { timers, due } = collect(3);
    const start = nowUs();
    // Far apart: a host that takes the processor away between two calls must not make them equal.
    const deadlines = { wake: start + 1500, heartbeat: start + 200_300, silence: start + 400_001 } as const;
    for (const kind of ["silence", "wake", "heartbeat"] as const) timers.set({ kind }, deadlines[kind]);
    const fired = await due;
    expect(fired.map(({ kind }) => kind)).toEqual(["wake", "heartbeat", "silence"]);
    for (const { kind, atUs } of fired) expect(atUs).toBeGreaterThanOrEqual(deadlines[kind as keyof typeof deadlines]);
  });

  test("take the newest deadline, be it earlier or later", async () => {
    const { timers, due } = collect(2);
    const start = nowUs();
    timers.set({ kind: "heartbeat" }, start + 5_000);
    timers.set({ kind: "heartbeat" }, start + 300_000);
    timers.set({ kind: "wake" }, start + 60_000_000);
    timers.set({ kind: "wake" }, start + 10_000);
    const [first, second] = await due;
    expect([first?.kind, second?.kind]).toEqual(["wake", "heartbeat"]);
    expect(second?.atUs).toBeGreaterThanOrEqual(start + 300_000);
  });

  test("that are cleared stay silent, and one in the past comes due at once", async () => {
    const { timers, due } = collect(1);
    timers.set({ kind: "silence" }, nowUs() + 1000);
    timers.set({ kind: "wake" }, nowUs() + 1000);
    timers.clear({ kind: "silence" });
    timers.clearAll();
    timers.set({ kind: "askAgain" }, nowUs() - 5000);
    expect((await due).map(({ kind }) => kind)).toEqual(["askAgain"]);
  });
});
