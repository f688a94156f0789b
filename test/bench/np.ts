/**
 * `np`, normalised performance (BS95): time of a guest command in a protected VM over its time in an unprotected one of the same
 * kind, measured by a client, in turn, so that both see the same host. One command computes, one writes its console.
 *
 * A pair keeps two processors busy where one VM keeps one, and processors share caches, memory and clock. What that alone costs is
 * measured as well: two unprotected VMs that run the command at once, on the pair's two workers, over one that runs it by itself.
 */
import { type Guest, Installation } from "../support/installation.ts";
import { type Figure, median } from "./bench-line.ts";

const RUNS = 5;
const LINES = 2_500;
const LINE = "the quick brown fox jumps over the lazy dog";

interface Load {
  readonly name: string;
  /** Typed once, before anything is timed. */
  readonly prepare: string;
  readonly command: string;
  readonly answered: (answer: string) => boolean;
  readonly goal: number;
}

const LOADS: readonly Load[] = [
  {
    name: "cpu-bound",
    prepare: ":",
    command: "dd if=/dev/zero bs=64k count=1024 2>/dev/null | sha256sum",
    /** 64 MiB of zeros. */
    answered: (answer) => answer.startsWith("3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351"),
    goal: 1.02,
  },
  {
    name: "console-bound",
    prepare: `i=0; while [ $i -lt ${LINES} ]; do echo ${LINE}; i=$((i+1)); done >/tmp/lines`,
    command: "cat /tmp/lines",
    answered: (answer) => answer.split("\r\n").filter((line) => line === LINE).length === LINES,
    goal: 1.05,
  },
];

export async function* np(): AsyncGenerator<Figure> {
  const installation = await Installation.start({ workers: 2 });
  try {
    const alone = await installation.boot({ protection: "none" });
    const neighbour = await installation.boot({ protection: "none" });
    const pair = await installation.boot({ protection: "lockstep" });
    await pair.protectedNow();
    for (const load of LOADS) {
      for (const guest of [alone, neighbour, pair]) {
        await guest.run(load.prepare);
        await time(guest, load);
      }
      const ratios: number[] = [];
      const ratiosOfTwo: number[] = [];
      const seconds: number[] = [];
      for (let run = 0; run < RUNS; run++) {
        const without = await time(alone, load);
        const withFt = await time(pair, load);
        const [ofTwo] = await Promise.all([time(alone, load), time(neighbour, load)]);
        ratios.push(withFt / without);
        ratiosOfTwo.push(ofTwo / without);
        seconds.push(without);
      }
      yield {
        bench: "np",
        name: load.name,
        unit: "ratio",
        value: median(ratios),
        n: RUNS,
        goal: load.goal,
        better: "lower",
        detail: {
          command: load.command,
          secondsWithout: Number(median(seconds).toFixed(3)),
          twoUnprotectedAtOnce: Number(median(ratiosOfTwo).toFixed(3)),
        },
      };
    }
    for (const guest of [alone, neighbour, pair]) guest.console.close();
  } finally {
    await installation.stop();
  }
}

async function time(guest: Guest, { command, answered }: Load): Promise<number> {
  const start = performance.now();
  const answer = await guest.run(command);
  const seconds = (performance.now() - start) / 1000;
  if (!answered(answer)) throw new Error(`the guest answered ${JSON.stringify(answer.slice(0, 1000))}`);
  return seconds;
}
