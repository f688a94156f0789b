/**
 * `engine:loops`: million guest instructions a second over eight loops without an operating system, translated and interpreted, next
 * to QEMU, in turn on the same binaries, so that all see the same host.
 *
 * A loop's rate is that of its many iterations. QEMU's is over the difference to one iteration, which leaves out the start of
 * its process; ours is over everything from the machine's reset. Counts and checksums are those of the fixtures' README.
 */
import { execFileSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RegionOptions } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { QEMU, RISCV_GCC, requireTools } from "../support/debian-tools.ts";
import { machineModule } from "../support/machine-module.ts";
import { type Figure, median } from "./bench-line.ts";
import { INTERPRETER, type OurEngine, translating } from "./our-engines.ts";
import { ICOUNT, QEMU_MODES, type QemuMode, qemuCommand, qemuVersion, runQemu } from "./qemu.ts";

const RUNS = 3;
const INTERPRETER_GOAL = 350;
/** What QEMU's machine has by itself. */
const LOOP_MIB = 128;
/** After so many instructions the host has compiled the interpreter for good. */
const WARM_UP = 200_000_000n;
/** One tick of 100 ns an instruction. */
const RATE = 1 << 24;

const FIXTURES = fileURLToPath(new URL("../fixtures/loops", import.meta.url));

/** One build of a loop: so many iterations, which retire so many instructions and print this. */
interface Build {
  readonly elf: string;
  readonly image: Uint8Array;
  readonly retired: bigint;
  readonly checksum: string;
}

interface Loop {
  readonly name: string;
  readonly one: Build;
  readonly many: Build;
}

export async function* engineLoops(): AsyncGenerator<Figure> {
  requireTools(QEMU, RISCV_GCC);
  const version = qemuVersion();
  const { jit, compile } = translating();
  const engines = [jit, INTERPRETER];
  const folder = await mkdtemp(join(tmpdir(), "understudy-loops-"));
  try {
    const figures = new Map<OurEngine, Figure[]>(engines.map((each) => [each, []]));
    for (const loop of await buildLoops(folder)) {
      for (const [each, figure] of await measureLoop(engines, loop, version)) {
        figures.get(each)?.push(figure);
        yield figure;
      }
    }
    for (const [each, measured] of figures) yield loopsFigure(each, measured, version);
  } finally {
    await rm(folder, { recursive: true });
    await compile.stop();
  }
}

function loopsFigure({ name }: OurEngine, figures: readonly Figure[], version: string): Figure {
  return {
    bench: "engine",
    name: `${name}: loops`,
    unit: "Minstr/s",
    value: geometricMean(figures.map(({ value }) => value)),
    n: figures.length,
    ...(name === "interpreter" && { goal: INTERPRETER_GOAL }),
    better: "higher",
    ratioToQemu: geometricMean(figures.map(({ ratioToQemu = Number.NaN }) => ratioToQemu)),
    ratioToQemuIcount: geometricMean(figures.map(({ ratioToQemuIcount = Number.NaN }) => ratioToQemuIcount)),
    detail: { value: "geometric mean of the loops", peer: version },
  };
}

/** Builds what the fixtures' table lists. @throws where the compiler makes other code than that of the table */
async function buildLoops(folder: string): Promise<Loop[]> {
  await cp(FIXTURES, folder, { recursive: true, filter: (path) => !path.endsWith(".bin") });
  execFileSync("sh", [join(folder, "build.sh")], { stdio: ["ignore", 2, 2] });
  const table = await readFile(join(folder, "README.md"), "utf8");
  const rows = [...table.matchAll(/^\| (\w+) +\| +([\d,]+) +\| +([0-9a-f]{16}) +\| +([\d,]+) +\| +([0-9a-f]{16}) +\|/gm)];
  if (rows.length !== 8) throw new Error(`Cannot measure the loops: the table lists ${rows.length}, not 8`);
  return await Promise.all(
    rows.map(async ([, name = "", oneRetired = "", oneSum = "", manyRetired = "", manySum = ""]) => {
      const build = async (variant: string, retired: string, checksum: string): Promise<Build> => ({
        elf: join(folder, `${name}.${variant}.elf`),
        image: await readFile(join(folder, `${name}.${variant}.bin`)),
        retired: BigInt(retired.replaceAll(",", "")),
        checksum,
      });
      const one = await build("s", oneRetired, oneSum);
      if (!(await readFile(join(FIXTURES, `${name}.s.bin`))).equals(one.image)) {
        const [compiler] = execFileSync(RISCV_GCC.program, ["--version"], { encoding: "utf8" }).split("\n");
        throw new Error(
          `Cannot measure ${name}: ${compiler} makes other code of it than the compiler of the table, so its counts do not hold`,
        );
      }
      return { name, one, many: await build("b", manyRetired, manySum) };
    }),
  );
}

async function measureLoop(engines: readonly OurEngine[], loop: Loop, version: string): Promise<readonly [OurEngine, Figure][]> {
  const module = machineModule();
  const ours = new Map<OurEngine, number[]>(engines.map((each) => [each, []]));
  const theirs: Record<QemuMode, number[]> = { plain: [], icount: [] };
  runUntil(module, undefined, loop.many, WARM_UP);
  for (let run = 0; run < RUNS; run++) {
    for (const [each, rates] of ours) rates.push(Number(loop.many.retired) / runWhole(module, each.regions(), loop.many) / 1e6);
    for (const mode of QEMU_MODES) {
      const start = await qemuSeconds(loop.one, mode);
      const seconds = await qemuSeconds(loop.many, mode);
      theirs[mode].push(Number(loop.many.retired - loop.one.retired) / (seconds - start) / 1e6);
    }
  }
  const plain = median(theirs.plain);
  const icount = median(theirs.icount);
  return [...ours].map(([each, rates]) => {
    const value = median(rates);
    const figure: Figure = {
      bench: "engine",
      name: `${each.name}: ${loop.name}`,
      unit: "Minstr/s",
      value,
      n: RUNS,
      better: "higher",
      ratioToQemu: value / plain,
      ratioToQemuIcount: value / icount,
      detail: {
        instructions: Number(loop.many.retired),
        checksum: loop.many.checksum,
        qemu: Math.round(plain),
        qemuIcount: Math.round(icount),
        peer: version,
        command: qemuCommand(loopWords(`${loop.name}.b.elf`)),
        icount: ICOUNT.join(" "),
      },
    };
    return [each, figure];
  });
}

function loopWords(elf: string): readonly string[] {
  return ["-machine", "virt", "-bios", "none", "-nographic", "-kernel", elf];
}

async function qemuSeconds(build: Build, mode: QemuMode): Promise<number> {
  const { seconds, output } = await runQemu(loopWords(build.elf), mode);
  if (output.trim() !== build.checksum) throw new Error(`QEMU (${mode}) computed ${JSON.stringify(output)}, not ${build.checksum}`);
  return seconds;
}

/** Runs a loop to its end in our machine, and looks at what came of it. @returns seconds */
function runWhole(module: WebAssembly.Module, regions: RegionOptions | undefined, build: Build): number {
  const start = performance.now();
  const vm = runUntil(module, regions, build, build.retired + 1n);
  const seconds = (performance.now() - start) / 1000;
  const printed = new TextDecoder("latin1").decode(vm.readConsole(0n));
  if (vm.halt !== "poweroff" || vm.instant !== build.retired || printed !== `${build.checksum}\n`) {
    throw new Error(
      `The machine is ${vm.halt ?? "running"} after ${vm.instant} instructions with ${JSON.stringify(printed)}, ` +
        `not powered off after ${build.retired} with ${build.checksum}`,
    );
  }
  return seconds;
}

/** In slices, as a replica runs. */
function runUntil(module: WebAssembly.Module, regions: RegionOptions | undefined, build: Build, limit: bigint): VirtualMachine {
  const vm = new VirtualMachine(module, { memoryMiB: LOOP_MIB, ...(regions && { regions }) });
  vm.loadProgram(build.image);
  vm.beginEpoch({ time: 0n, rate: RATE }, []);
  let end = vm.run(limit, false);
  while (end === "output") end = vm.run(limit, false);
  return vm;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
