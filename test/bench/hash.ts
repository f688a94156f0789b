/**
 * `hash`: what the incremental state hash costs, once for each second of guest time as a protected guest's is: for a guest that
 * idles at its prompt, and for one that writes to memory as fast as it can. On a bare translated machine that lives in real time.
 */
import { READY_LINE } from "../../src/images/index.ts";
import { linuxFiles } from "../support/linux-guest.ts";
import { type Figure, median, quantile } from "./bench-line.ts";
import { LiveGuest } from "./live-guest.ts";
import { translating } from "./our-engines.ts";

const MEMORY_MIB = 128;
const HASHES = 12;
/** 1 s of guest time, ticks of 100 ns. */
const INTERVAL_TICKS = 10_000_000n;
/** Three words a page. */
const WORDS_PER_PAGE = 3;

/** Two files of unlike bytes, one after the other over a third: what is written differs from what was there. */
const WRITE = [
  "for c in a b; do dd if=/dev/zero bs=64k count=64 2>/dev/null | tr '\\0' $c >/tmp/$c; done",
  "while :; do for c in a b; do dd if=/tmp/$c of=/tmp/written bs=64k 2>/dev/null; done; echo tick; done",
].join("; ");

const LOADS = [
  ["idle", "while sleep 1; do echo tick; done"],
  ["memory-bound", WRITE],
] as const;

export async function* hash(): AsyncGenerator<Figure> {
  const files = await linuxFiles();
  for (const [name, command] of LOADS) {
    const { jit, compile } = translating();
    try {
      const guest = new LiveGuest(files, MEMORY_MIB, jit.regions());
      await guest.printed(READY_LINE);
      await guest.printed("# ", guest.transcript.indexOf(READY_LINE));
      guest.type(`${command}\n`);
      await guest.printed("tick\r\n", guest.transcript.length);
      // The first is of all pages.
      guest.vm.hash();
      guest.vm.changedPages();
      const costs: number[] = [];
      const pages: number[] = [];
      let [hashingMs, pagesHashed] = [0, 0];
      let hashedAt = guest.vm.time;
      while (costs.length < HASHES) {
        await guest.printed("tick\r\n", guest.transcript.length);
        const ticks = guest.vm.time - hashedAt;
        if (ticks < INTERVAL_TICKS) continue;
        hashedAt = guest.vm.time;
        const start = performance.now();
        guest.vm.hash();
        const elapsed = performance.now() - start;
        const seconds = Number(ticks) / Number(INTERVAL_TICKS);
        const changed = guest.vm.changedPages().length / WORDS_PER_PAGE;
        costs.push(elapsed / seconds);
        pages.push(changed / seconds);
        hashingMs += elapsed;
        pagesHashed += changed;
      }
      yield {
        bench: "hash",
        name,
        unit: "ms/s",
        value: median(costs),
        p99: quantile(costs, 0.99),
        n: HASHES,
        goal: 10,
        better: "lower",
        detail: {
          goalIs: "1 % of guest time",
          pagesPerSecond: Math.round(median(pages)),
          microsecondsPerPage: Number(((1000 * hashingMs) / Math.max(1, pagesHashed)).toFixed(2)),
          memoryMiB: MEMORY_MIB,
        },
      };
    } finally {
      await compile.stop();
    }
  }
}
