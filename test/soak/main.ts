/**
 * `npm run soak -- [--minutes M] [--seed N]`: one process, with machines and a compile thread as a worker has them, under mixed load
 * for long: does what it holds stop to grow? Two Linux guests work without end, one machine runs guests that make translation
 * worth nothing, and one after the other machines come, run random programs and go (guests.ts, which says how each is checked).
 *
 * Prints a JSON line every few seconds, and at the end a verdict about the mappings, the regions and the memory of the process:
 * the rule is plateau.ts's. Exit status 1: something still grows, or came out wrong, or was not translated; then the last line says what.
 */
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { RegionStatistics } from "../../src/engine/regions.ts";
import { CompileService } from "../../src/worker/compile-service.ts";
import { GUEST_KINDS, type GuestKind, type GuestProgress, type GuestThreadData } from "./guest-messages.ts";
import { judge, RULE, type Verdict } from "./plateau.ts";

const MINUTES = 10;
/** At most so often; a short soak samples more often, so that there is something to judge. */
const SAMPLE_EVERY_MS = 5000;
const SAMPLES_WANTED = 60;
/** Machines that are there all the time, by what they do. */
const RESIDENTS: readonly GuestKind[] = ["linux", "linux", "hostile"];
/** The library keeps the modules of guests that are gone, up to a bound that a soak must come to; a worker's takes hours to fill. */
const LIBRARY_MAXIMUM = 512;
/** Programs of one visitor's seed do not meet those of another's. */
const SEEDS_A_VISITOR = 1000;

const { values } = parseArgs({ options: { minutes: { type: "string" }, seed: { type: "string" } } });
const minutes = Number(values.minutes ?? MINUTES);
const firstSeed = Number(values.seed ?? 1);
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed)) {
  process.stderr.write("soak: --minutes is a number above 0, --seed a whole number\n");
  process.exit(2);
}

/** One sample: what the process holds, and what its machines have done so far. */
interface Sample {
  readonly seconds: number;
  /** Lines of /proc/self/maps: V8 ends the process where the system gives no more. */
  readonly mappings: number;
  /** The same by what they are, so that what grows can be told. */
  readonly mappingsByKind: Readonly<Record<string, number>>;
  /** Functions of regions that machines hold, each with its module; and the machines. */
  readonly regions: number;
  readonly machines: number;
  /** Regions that the compile thread keeps. */
  readonly libraryRegions: number;
  readonly residentMiB: number;
  /** The longest that the main thread, which has a worker's sockets, was kept from its events since the last sample. */
  readonly stalledMs: number;
}

const MEASURES = ["mappings", "regions", "residentMiB"] as const;

class Soak {
  private readonly startedMs = performance.now();
  private readonly samples: Sample[] = [];
  private readonly delay = monitorEventLoopDelay();
  private readonly threads = new Set<Worker>();
  private readonly rounds: Record<GuestKind, number> = { linux: 0, hostile: 0, visitors: 0 };
  /** What machines that are gone have done, and what the others have done up to now. */
  private readonly before = new Map<GuestKind, Totals>(GUEST_KINDS.map((kind) => [kind, NOTHING]));
  private readonly current = new Map<Worker, { readonly kind: GuestKind; readonly totals: Totals }>();
  private readonly service = new CompileService(new URL("../../dist/compile-thread.mjs", import.meta.url), (error) => this.fail(error), {
    libraryMaximum: LIBRARY_MAXIMUM,
  });
  private over = false;
  private readonly failed: Promise<never>;
  private fail: (error: Error) => void = () => {};

  constructor() {
    this.failed = new Promise((_, reject) => {
      this.fail = reject;
    });
  }

  /** @returns whether all is well */
  async run(): Promise<boolean> {
    RESIDENTS.forEach((kind, index) => {
      this.start(kind, firstSeed + index);
    });
    this.receiveVisitors(firstSeed * SEEDS_A_VISITOR);
    const everyMs = Math.min(SAMPLE_EVERY_MS, (minutes * 60_000) / SAMPLES_WANTED);
    this.delay.enable();
    const timer = setInterval(() => this.sample(), everyMs);
    const wait = new Promise<void>((resolve) => setTimeout(resolve, minutes * 60_000));
    try {
      await Promise.race([wait, this.failed]);
      return this.verdict();
    } catch (error) {
      print({ verdict: "wrong", error: error instanceof Error ? error.message : String(error) });
      return false;
    } finally {
      this.over = true;
      clearInterval(timer);
      await Promise.all([...this.threads].map((thread) => thread.terminate()));
      await this.service.stop();
    }
  }

  /** Ends when its guest ends. */
  private start(kind: GuestKind, seed: number, then: () => void = () => {}): void {
    const compiler = this.service.connect();
    if (compiler === null) throw new Error("the compile service has a line left");
    const workerData: GuestThreadData = { kind, seed, compiler };
    const thread = new Worker(new URL("guest-thread.mjs", import.meta.url), { workerData, transferList: [compiler.port] });
    this.threads.add(thread);
    thread.on("message", ({ statistics }: GuestProgress) => {
      this.rounds[kind]++;
      this.current.set(thread, { kind, totals: totalsOf(statistics) });
    });
    thread.on("error", this.fail);
    thread.on("exit", () => {
      this.threads.delete(thread);
      this.service.release(compiler);
      this.before.set(kind, plus(this.before.get(kind) ?? NOTHING, this.current.get(thread)?.totals ?? NOTHING));
      this.current.delete(thread);
      then();
    });
  }

  private receiveVisitors(seed: number): void {
    this.start("visitors", seed, () => {
      if (!this.over) this.receiveVisitors(seed + SEEDS_A_VISITOR);
    });
  }

  private totals(kind: GuestKind): Totals {
    const there = [...this.current.values()].filter((one) => one.kind === kind).map(({ totals }) => totals);
    return there.reduce(plus, this.before.get(kind) ?? NOTHING);
  }

  private sample(): void {
    const { mappings, mappingsByKind } = countMappings();
    const sample: Sample = {
      seconds: Math.round((performance.now() - this.startedMs) / 100) / 10,
      mappings,
      mappingsByKind,
      regions: this.service.account.regions,
      machines: this.threads.size,
      libraryRegions: this.service.libraryRegions,
      residentMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
      stalledMs: Math.round(this.delay.max / 1e6),
    };
    this.delay.reset();
    this.samples.push(sample);
    const done = Object.fromEntries(GUEST_KINDS.map((kind) => [kind, { rounds: this.rounds[kind], ...this.totals(kind) }]));
    print({ ...sample, ...done });
  }

  private verdict(): boolean {
    const verdicts = MEASURES.map((measure): [string, Verdict] => [measure, judge(this.samples.map((sample) => sample[measure]))]);
    const idle = GUEST_KINDS.filter((kind) => this.rounds[kind] === 0 || this.totals(kind).retired === 0);
    const plateau = verdicts.every(([, one]) => one.plateau);
    print({
      verdict: idle.length > 0 ? "nothing shown" : plateau ? "plateau" : "grows",
      ...(idle.length > 0 && { notTranslated: idle }),
      rule: RULE,
      ...Object.fromEntries(verdicts),
    });
    return plateau && idle.length === 0;
  }
}

/** Of regions: installed and pushed out over all time, answers that were of no use, instructions retired in them. */
interface Totals {
  readonly installed: number;
  readonly evicted: number;
  readonly late: number;
  readonly retired: number;
}

const NOTHING: Totals = { installed: 0, evicted: 0, late: 0, retired: 0 };

function totalsOf({ installed, evicted, late, retired }: RegionStatistics): Totals {
  return { installed, evicted, late, retired };
}

function plus(a: Totals, b: Totals): Totals {
  return {
    installed: a.installed + b.installed,
    evicted: a.evicted + b.evicted,
    late: a.late + b.late,
    retired: a.retired + b.retired,
  };
}

/** By permissions, and whether they are of a file: V8's code is `rwx` or `r-x` of none, its heaps `rw-`, `---` what is reserved. */
function countMappings(): Pick<Sample, "mappings" | "mappingsByKind"> {
  const mappingsByKind: Record<string, number> = {};
  const lines = readFileSync("/proc/self/maps", "utf8").trimEnd().split("\n");
  for (const line of lines) {
    const [, permissions = "", , , inode = "0"] = line.split(/\s+/);
    const kind = `${permissions.slice(0, 3)}${inode === "0" ? "" : " file"}`;
    mappingsByKind[kind] = (mappingsByKind[kind] ?? 0) + 1;
  }
  return { mappings: lines.length, mappingsByKind };
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

process.exitCode = (await new Soak().run()) ? 0 : 1;
