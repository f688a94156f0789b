/**
 * `engine:guest`: what a Debian guest does for its users, on our machine, translated and interpreted, and on QEMU. One guest boots on
 * each; a workload is started by typing it, and takes until its end is on the console. The machines take turns within each workload,
 * and all of them must print the same.
 *
 * The interpreter runs each once. Of the translator's runs the first has new code to translate (`detail.first`). On stderr is what
 * the translated code did in each run; `detail` has that of the last.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { READY_LINE } from "../../src/images/index.ts";
import { QEMU, RISCV_GCC, RISCV_LIBC, requireTools } from "../support/debian-tools.ts";
import { linuxFiles } from "../support/linux-guest.ts";
import { type Figure, median } from "./bench-line.ts";
import { WORKLOADS, type Workload, withWorkloads } from "./guest-workloads.ts";
import { LiveGuest } from "./live-guest.ts";
import { INTERPRETER, translating } from "./our-engines.ts";
import { ICOUNT, linuxWords, QemuGuest, qemuCommand, qemuVersion } from "./qemu.ts";

const RUNS = 3;
const MEMORY_MIB = 256;
const PROMPT = "# ";

type Guest = LiveGuest | QemuGuest;

interface Guests {
  readonly jit: LiveGuest;
  readonly interpreter: LiveGuest;
  readonly plain: QemuGuest;
  readonly icount: QemuGuest;
}

/** By name. */
type Figures = Readonly<Record<string, number>>;

interface Run {
  readonly ms: number;
  /** What the workload printed. */
  readonly answer: string;
  /** What it was for our machine; empty for QEMU. */
  readonly figures: Figures;
}

/** @param only names of the workloads; none: all */
export async function* engineGuest(only: readonly string[]): AsyncGenerator<Figure> {
  requireTools(QEMU, RISCV_GCC, RISCV_LIBC);
  const { files, programs } = await withWorkloads(await linuxFiles());
  const folder = await mkdtemp(join(tmpdir(), "understudy-engine-guest-"));
  const { jit, compile } = translating();
  const qemus: QemuGuest[] = [];
  try {
    const [kernel, initramfs] = [join(folder, "kernel"), join(folder, "initramfs")];
    await Promise.all([writeFile(kernel, files.kernel), writeFile(initramfs, files.initramfs)]);
    const started = async <Started extends Guest>(guest: Started): Promise<Started> => {
      if (guest instanceof QemuGuest) qemus.push(guest);
      await prepare(guest);
      return guest;
    };
    const words = linuxWords(kernel, initramfs, MEMORY_MIB, files.cmdline);
    const guests: Guests = {
      plain: await started(new QemuGuest(words, "plain")),
      icount: await started(new QemuGuest(words, "icount")),
      jit: await started(new LiveGuest(files, MEMORY_MIB, jit.regions())),
      interpreter: await started(new LiveGuest(files, MEMORY_MIB, INTERPRETER.regions())),
    };
    const peer = {
      programs,
      peer: qemuVersion(),
      qemuCommand: qemuCommand(linuxWords("KERNEL", "INITRAMFS", MEMORY_MIB, files.cmdline)),
      icount: ICOUNT.join(" "),
    };
    for (const workload of WORKLOADS.filter(({ name }) => only.length === 0 || only.includes(name))) {
      yield* await measure(guests, workload, peer);
    }
  } finally {
    for (const qemu of qemus) qemu.close();
    await compile.stop();
    await rm(folder, { recursive: true });
  }
}

/** Boots to a prompt that echoes nothing, on a console that the kernel leaves alone. */
async function prepare(guest: Guest): Promise<void> {
  await guest.printed(READY_LINE);
  await guest.printed(PROMPT);
  guest.type("stty -echo; dmesg -n 1; echo read''y\n");
  await guest.printed("\nready\r\n");
  await guest.printed(PROMPT, guest.transcript.lastIndexOf("\nready\r\n"));
  guest.rest();
}

async function measure(guests: Guests, workload: Workload, peer: Figure["detail"]): Promise<Figure[]> {
  const runs: Record<keyof Guests, Run[]> = { jit: [], interpreter: [], plain: [], icount: [] };
  for (let run = 0; run < RUNS; run++) {
    for (const name of ["jit", "plain", "icount", "interpreter"] as const) {
      if (name === "interpreter" && run > 0) continue;
      const done = await runOnce(guests[name], workload.command);
      runs[name].push(done);
      process.stderr.write(`${workload.name} on ${name}: ${Math.round(done.ms)} ms${figuresLine(done)}\n`);
    }
  }
  const answers = new Set(Object.values(runs).flatMap((some) => some.map(({ answer }) => answer)));
  const [answer = ""] = answers;
  if (answers.size !== 1 || answer === "" || answer.includes("FAILED")) {
    const said = Object.entries(runs).map(([name, some]) => `${name}: ${some.map((run) => JSON.stringify(run.answer)).join(", ")}`);
    throw new Error(`${workload.name} is not worked out alike, or wrong: ${said.join("; ")}`);
  }
  const ms = (name: keyof Guests) => median(runs[name].map((run) => run.ms));
  return (["jit", "interpreter"] as const).map((name) => {
    return {
      bench: "engine",
      name: `${name}: ${workload.name}`,
      unit: "ms",
      value: ms(name),
      n: runs[name].length,
      better: "lower",
      ratioToQemu: ms("plain") / ms(name),
      ratioToQemuIcount: ms("icount") / ms(name),
      ...(name === "jit" && { goalRatioToQemu: workload.goals.plain, goalRatioToQemuIcount: workload.goals.icount }),
      detail: {
        command: workload.command,
        answer,
        qemuMs: Math.round(ms("plain")),
        qemuIcountMs: Math.round(ms("icount")),
        ...(name === "jit" && { first: Math.round(runs.jit[0]?.ms ?? Number.NaN) }),
        ...runs[name].at(-1)?.figures,
        ...peer,
      },
    };
  });
}

let typed = 0;

async function runOnce(guest: Guest, command: string): Promise<Run> {
  const done = `done ${++typed}\r\n`;
  const from = guest.transcript.length;
  const before = guest instanceof LiveGuest ? figuresOf(guest) : {};
  const start = performance.now();
  guest.type(`${command}; echo do''ne ${typed}\n`);
  await guest.printed(done, from);
  const ms = performance.now() - start;
  const figures = guest instanceof LiveGuest ? since(before, figuresOf(guest)) : {};
  const end = guest.transcript.indexOf(done, from);
  await guest.printed(PROMPT, end);
  guest.rest();
  const answer = guest.transcript
    .slice(from, end)
    .replaceAll("\r", "")
    .replace(/^\n+|\n+$/g, "");
  return { ms, answer, figures };
}

/** A machine's figures so far: instructions, and what `RegionStatistics` has where it translates. */
function figuresOf({ vm }: LiveGuest): Figures {
  const statistics = vm.regionStatistics();
  const instructions = Number(vm.instant);
  if (statistics === null) return { instructions };
  const { exits, retired, ...counts } = statistics;
  const { jump, interpret, lookAgain } = exits;
  return {
    instructions,
    interpreted: instructions - retired,
    ...counts,
    exitsJump: jump,
    exitsInterpret: interpret,
    exitsLookAgain: lookAgain,
  };
}

/** `regions` is how many there are now, all others count. */
function since(before: Figures, after: Figures): Figures {
  return Object.fromEntries(Object.entries(after).map(([key, value]) => [key, key === "regions" ? value : value - (before[key] ?? 0)]));
}

function figuresLine({ ms, figures }: Run): string {
  const { instructions } = figures;
  if (instructions === undefined) return "";
  const counts = Object.entries(figures).map(([key, value]) => `${key} ${value >= 1e6 ? millions(value) : value}`);
  return `, ${Math.round(instructions / ms / 1000)} M/s: ${counts.join(", ")}`;
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(2)} M`;
}
