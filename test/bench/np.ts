/**
 * `np`, normalised performance (BS95): time of a CPU-bound guest command in a protected VM over its time in an unprotected
 * one of the same kind, measured by a client, in turn, so that both see the same host.
 */
import { type Guest, Installation } from "../support/installation.ts";
import { type Figure, median } from "./bench-line.ts";

const RUNS = 5;
const COMMAND = "dd if=/dev/zero bs=64k count=64 2>/dev/null | sha256sum";
/** 4 MiB of zeros. */
const ANSWER = "bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8";

export async function* np(): AsyncGenerator<Figure> {
  const installation = await Installation.start({ workers: 2 });
  try {
    const alone = await installation.boot({ protection: "none" });
    const pair = await installation.boot({ protection: "lockstep" });
    await pair.protectedNow();
    for (const guest of [alone, pair]) await time(guest);
    const ratios: number[] = [];
    const seconds: number[] = [];
    for (let run = 0; run < RUNS; run++) {
      const without = await time(alone);
      const withFt = await time(pair);
      ratios.push(withFt / without);
      seconds.push(without);
    }
    yield {
      bench: "np",
      name: "cpu-bound",
      unit: "ratio",
      value: median(ratios),
      n: RUNS,
      goal: 1.02,
      better: "lower",
      detail: { command: COMMAND, secondsWithout: Number(median(seconds).toFixed(3)) },
    };
    for (const guest of [alone, pair]) guest.console.close();
  } finally {
    await installation.stop();
  }
}

async function time(guest: Guest): Promise<number> {
  const start = performance.now();
  const answer = await guest.run(COMMAND);
  const seconds = (performance.now() - start) / 1000;
  if (!answer.startsWith(ANSWER)) throw new Error(`the guest computed ${JSON.stringify(answer)}`);
  return seconds;
}
