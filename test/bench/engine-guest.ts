/**
 * `engine:guest`: what a Debian guest does for its users, on our machine, translated and interpreted, and on QEMU. One guest boots on
 * each; a workload is started by typing it, and takes until its end is on the console. The machines take turns within each workload,
 * and all of them must print the same.
 *
 * The interpreter runs each once. Of the translator's runs the first has new code to translate (`detail.first`). On stderr is what
 * the translated code did in each run.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RegionStatistics } from "../../src/engine/regions.ts";
import { READY_LINE } from "../../src/images/index.ts";
import { QEMU, RISCV_GCC, requireTools } from "../support/debian-tools.ts";
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

/** What one run took, and what it was for our machine. */
interface Run {
  readonly ms: number;
  readonly answer: string;
  readonly instructions: number;
  /** All of its figures are of this run. */
  readonly regions: RegionStatistics | null;
}

/** @param only names of the workloads; none: all */
export async function* engineGuest(only: readonly string[]): AsyncGenerator<Figure> {
  requireTools(QEMU, RISCV_GCC);
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
      process.stderr.write(`${workload.name} on ${name}: ${Math.round(done.ms)} ms${instructionsLine(done)}\n`);
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
    const last = runs[name].at(-1) as Run;
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
        instructions: last.instructions,
        ...(last.regions !== null && regionsDetail(last, last.regions)),
        ...peer,
      },
    };
  });
}

let typed = 0;

async function runOnce(guest: Guest, command: string): Promise<Run> {
  const done = `done ${++typed}\r\n`;
  const from = guest.transcript.length;
  const before = guest instanceof LiveGuest ? { instant: guest.vm.instant, regions: guest.vm.regionStatistics() } : null;
  const start = performance.now();
  guest.type(`${command}; echo do''ne ${typed}\n`);
  await guest.printed(done, from);
  const ms = performance.now() - start;
  const instructions = before && guest instanceof LiveGuest ? Number(guest.vm.instant - before.instant) : 0;
  const regions = before?.regions && guest instanceof LiveGuest ? since(before.regions, guest.vm.regionStatistics()) : null;
  const end = guest.transcript.indexOf(done, from);
  await guest.printed(PROMPT, end);
  guest.rest();
  const answer = guest.transcript
    .slice(from, end)
    .replaceAll("\r", "")
    .replace(/^\n+|\n+$/g, "");
  return { ms, answer, instructions, regions };
}

function since(before: RegionStatistics, after: RegionStatistics | null): RegionStatistics | null {
  if (after === null) return null;
  return {
    regions: after.regions,
    installed: after.installed - before.installed,
    translated: after.translated - before.translated,
    requested: after.requested - before.requested,
    late: after.late - before.late,
    evicted: after.evicted - before.evicted,
    optimised: after.optimised - before.optimised,
    exits: {
      jump: after.exits.jump - before.exits.jump,
      interpret: after.exits.interpret - before.exits.interpret,
      lookAgain: after.exits.lookAgain - before.exits.lookAgain,
    },
    retired: after.retired - before.retired,
  };
}

/** Of the last run. */
function regionsDetail(
  { instructions }: Run,
  { regions, installed, requested, late, evicted, optimised, exits, retired }: RegionStatistics,
) {
  const { jump, interpret, lookAgain } = exits;
  const interpreted = instructions - retired;
  return {
    interpreted,
    regions,
    installed,
    requested,
    late,
    evicted,
    optimised,
    exitsJump: jump,
    exitsInterpret: interpret,
    exitsLookAgain: lookAgain,
  };
}

function instructionsLine(run: Run): string {
  if (run.instructions === 0) return "";
  const rate = `, ${millions(run.instructions)} instructions, ${Math.round(run.instructions / run.ms / 1000)} M/s`;
  if (run.regions === null) return rate;
  const { regions, installed, requested, late, evicted, optimised, exits, retired } = run.regions;
  return (
    `${rate}, ${((100 * retired) / run.instructions).toFixed(1)} % in regions (${regions}; ${installed} installed, ${requested} requested, ` +
    `${late} late, ${evicted} evicted, ${optimised} optimised), left ${millions(exits.jump)} times to jump, ${millions(exits.interpret)} to interpret, ` +
    `${millions(exits.lookAgain)} to look again`
  );
}

function millions(count: number): string {
  return `${(count / 1e6).toFixed(2)} M`;
}
