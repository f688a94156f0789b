/**
 * `understudy machine run <file>`: runs a bare-metal test program, or firmware, on the machine, without any service or replication.
 *
 * The program's console is stdout, alone. It says how it ended by HTIF (`tohost`) or by the finisher at 0x100000, and the exit
 * code follows: 0 pass, otherwise the failing test's number, from 1 to 125; 126 where there is no verdict.
 */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { type Command, InvalidArgumentError, Option } from "commander";
import { UnderstudyError } from "../base/errors.ts";
import { type BareMetalObserver, type BareMetalOutcome, BareMetalRun, type ChangedRegister } from "../engine/bare-metal-run.ts";
import type { ElfSymbols } from "../engine/elf.ts";
import { ImmediateCompiler, type RegionCompiler } from "../engine/region-compiler.ts";
import { type TracedInstruction, VirtualMachine } from "../engine/virtual-machine.ts";
import { readKernel } from "../images/index.ts";
import { ProgramEnding } from "./exit-code.ts";
import { machineModule } from "./machine-module.ts";
import { note, type Shell } from "./shell.ts";

interface Options {
  readonly memory: number;
  readonly flat?: true;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append: string;
  readonly until?: bigint;
  readonly signature?: string;
  readonly trace?: string;
  readonly hashEvery?: bigint;
  readonly engine: "interpreter" | "jit";
  readonly stats?: boolean;
}

const NO_VERDICT = 126;
/** Shells and this command give the codes above it a meaning of their own. */
const FAILED_MAX = 125;
/** Instructions between two looks at Ctrl-C: some 50 ms. */
const TURN = 10_000_000n;
/** The same for a traced run. */
const TRACED_TURN = 100_000n;
const NO_END = 1n << 63n;

export function addMachineRun(machine: Command, shell: Shell): void {
  machine
    .command("run")
    .description("run a bare-metal program (RV64, M mode); exits with 0 on pass, with the failing test's number otherwise")
    .argument("<file>", "ELF file")
    .option("--flat", "the file is no ELF file, but the bytes from 0x80000000 on")
    .option("--memory <size>", "memory from 0x80000000 on: MiB, or with a suffix M or G", parseMemory, 128)
    .option("--until <n>", "stop after so many instructions, with exit code 126", parseCount)
    .option("--signature <file>", "write the words from begin_signature to end_signature there, in hex, one a line")
    .option("--trace <file>", "write pc, instruction and changed registers of each retired instruction there")
    .option("--hash-every <n>", "write instant and hash of all state to stderr, every so many instructions", parseCount)
    .addOption(
      new Option("--engine <engine>", "translate what runs often, or only interpret").choices(["jit", "interpreter"]).default("jit"),
    )
    .option("--stats", "write to stderr, as JSON, what was translated")
    .option("--kernel <file>", "kernel that the program, such as OpenSBI's fw_dynamic, is told to enter at 0x80200000")
    .option("--initrd <file>", "initramfs that the device tree names")
    .option("--append <text>", "kernel command line in the device tree", "")
    .action(async (file: string, options: Options) => {
      // One instruction at a time there is nothing to gain.
      const translates = options.engine === "jit" && options.trace === undefined;
      const compiler = translates ? new TimedCompiler() : null;
      const vm = new VirtualMachine(machineModule(), { memoryMiB: options.memory, ...(compiler && { regions: { compiler } }) });
      try {
        await runProgram(vm, file, options, shell);
      } catch (error) {
        if (!(error instanceof UnderstudyError)) throw error;
        throw new ProgramEnding(NO_VERDICT, error.message);
      } finally {
        if (options.stats) note(shell, JSON.stringify(statistics(vm, compiler)));
      }
    });
}

/** What a run executed, and what of it in regions. */
function statistics(vm: VirtualMachine, compiler: TimedCompiler | null): object {
  const instructions = Number(vm.instant);
  const regions = vm.regionStatistics();
  if (regions === null || compiler === null) return { instructions };
  const coverage = instructions === 0 ? 0 : regions.retired / instructions;
  return { instructions, ...regions, coverage: Number(coverage.toFixed(4)), compileMs: Number(compiler.compileMs.toFixed(1)) };
}

/** Compiles on this thread, and knows how long that took. */
class TimedCompiler extends ImmediateCompiler {
  compileMs = 0;

  override request(...question: Parameters<RegionCompiler["request"]>): void {
    this.time(() => super.request(...question));
  }

  override optimise(...question: Parameters<RegionCompiler["optimise"]>): void {
    this.time(() => super.optimise(...question));
  }

  private time(compile: () => void): void {
    const startedMs = performance.now();
    compile();
    this.compileMs += performance.now() - startedMs;
  }
}

async function runProgram(vm: VirtualMachine, file: string, options: Options, shell: Shell): Promise<void> {
  const { symbols } = vm.loadFirmware({
    firmware: readInput(file),
    format: options.flat ? "flat" : "elf",
    kernel: options.kernel === undefined ? null : (await readKernel(readInput(options.kernel), shell.signal)).image,
    initramfs: options.initrd === undefined ? null : readInput(options.initrd),
    cmdline: options.append,
  });
  const range = options.signature === undefined ? null : signatureRange(vm, symbols);
  const trace = options.trace === undefined ? null : new TraceFile(options.trace);
  const observer: BareMetalObserver = {
    output: (bytes) => shell.stdout.write(bytes),
    ...(trace && { retired: (instruction, changed) => trace.write(instruction, changed) }),
  };
  try {
    const run = new BareMetalRun(vm, symbols, observer);
    await runToEnd(run, vm, options, shell);
    const { outcome } = run;
    if (options.signature !== undefined && range !== null && outcome !== null && outcome.kind !== "no-verdict") {
      writeSignature(options.signature, signatureLines(vm.readRam(range.start, range.end - range.start)));
    }
    finish(outcome, vm);
  } finally {
    trace?.close();
  }
}

async function runToEnd(run: BareMetalRun, vm: VirtualMachine, { until, hashEvery, trace }: Options, shell: Shell): Promise<void> {
  const end = until ?? NO_END;
  const turn = trace === undefined ? TURN : TRACED_TURN;
  let pause = turn;
  while (run.outcome === null && vm.instant < end) {
    const hashAt = hashEvery === undefined ? end : (vm.instant / hashEvery + 1n) * hashEvery;
    run.to([hashAt, pause, end].reduce((a, b) => (a < b ? a : b)));
    if (hashEvery !== undefined && vm.instant === hashAt) note(shell, `${vm.instant} ${vm.hash().toString(16).padStart(16, "0")}`);
    if (vm.instant < pause) continue;
    pause = vm.instant + turn;
    await setImmediate();
    shell.signal.throwIfAborted();
  }
}

/** @throws {ProgramEnding} unless the program passed */
function finish(outcome: BareMetalOutcome | null, vm: VirtualMachine): void {
  const where = `at instant ${vm.instant}, pc 0x${vm.programCounter.toString(16)}`;
  if (outcome === null) throw new ProgramEnding(NO_VERDICT, `The program still runs ${where}`);
  if (outcome.kind === "no-verdict") throw new ProgramEnding(NO_VERDICT, `The program ${outcome.why}, ${where}`);
  if (outcome.kind === "failed") {
    const code = outcome.test > BigInt(FAILED_MAX) ? FAILED_MAX : Math.max(1, Number(outcome.test));
    throw new ProgramEnding(code, `Test ${outcome.test} failed, ${where}`);
  }
}

function readInput(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new UnderstudyError("file_unreadable", `Cannot read ${file}: ${(cause as Error).message}`, { cause });
  }
}

function writeSignature(path: string, lines: string): void {
  try {
    writeFileSync(path, lines);
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): UnderstudyError {
  return new UnderstudyError("file_unwritable", `Cannot write ${path}: ${(cause as Error).message}`, { cause });
}

function signatureRange(vm: VirtualMachine, { beginSignature, endSignature }: ElfSymbols): { start: number; end: number } {
  if (beginSignature === null || endSignature === null) {
    throw new UnderstudyError("signature_missing", "Cannot write a signature: the program lacks begin_signature or end_signature");
  }
  const length = endSignature - beginSignature;
  if (length < 0 || length % 4 !== 0 || !vm.hasRam(beginSignature, length)) {
    throw new UnderstudyError(
      "signature_missing",
      `Cannot write a signature of ${length} bytes at 0x${beginSignature.toString(16)}: it is whole words in memory`,
    );
  }
  return { start: beginSignature, end: endSignature };
}

function signatureLines(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let lines = "";
  for (let at = 0; at < bytes.length; at += 4) lines += `${view.getUint32(at, true).toString(16).padStart(8, "0")}\n`;
  return lines;
}

/** One line an instruction: `pc bits`, and `register=value` for each that it changed, all in hex. */
class TraceFile {
  private readonly file: number;
  private lines = "";

  constructor(path: string) {
    try {
      this.file = openSync(path, "w");
    } catch (cause) {
      throw unwritable(path, cause);
    }
  }

  write({ programCounter, bits }: TracedInstruction, changed: readonly ChangedRegister[]): void {
    const digits = (bits & 3) === 3 ? 8 : 4;
    this.lines += `${word(programCounter)} ${bits.toString(16).padStart(digits, "0")}`;
    for (const { name, value } of changed) this.lines += ` ${name}=${word(value)}`;
    this.lines += "\n";
    if (this.lines.length > 1 << 16) this.flush();
  }

  close(): void {
    this.flush();
    closeSync(this.file);
  }

  private flush(): void {
    writeSync(this.file, this.lines);
    this.lines = "";
  }
}

function word(value: bigint): string {
  return value.toString(16).padStart(16, "0");
}

function parseMemory(text: string): number {
  const [, digits, suffix] = /^(\d+)([MG]?)$/i.exec(text) ?? [];
  const size = Number(digits) * (suffix?.toUpperCase() === "G" ? 1024 : 1);
  if (digits === undefined || size < 1 || size > 2048) throw new InvalidArgumentError("It is from 1M to 2G, such as 128M.");
  return size;
}

function parseCount(text: string): bigint {
  if (!/^\d{1,18}$/.test(text) || BigInt(text) === 0n) throw new InvalidArgumentError("It is a number of instructions, 1 or more.");
  return BigInt(text);
}
