/**
 * Stories that every machine must tell alike, wherever and however it runs: what happens to it is a function of its own state
 * and of a seed. A story is a list of lines, an instant and the hash of all state each.
 */
import { Prng } from "../../src/base/prng.ts";
import type { EpochInput } from "../../src/engine/epoch.ts";
import { CLOCK_RATE_INSTRUCTIONS } from "../../src/engine/epoch.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { KERNEL_BASE, RAM_BASE } from "../../src/isa/memory-map.ts";
import { type Flavour, randomProgram } from "../machine/random-programs.ts";
import { INPUT_SESSION, type LinuxFiles } from "../support/linux-guest.ts";
import { machineModule } from "../support/machine-module.ts";
import type { MachineHost } from "./machine-host.ts";

const module = machineModule();

/** Of the machine of a random program. */
export const PROGRAM_MEMORY_MIB = 1;
/** Where its code is, its frame and its data: physical addresses [start, end). */
export const PROGRAM_CODE = [RAM_BASE, RAM_BASE + 0x1_8000] as const;
const PROGRAM_EPOCHS = 6;
const PROGRAM_EPOCH_INSTRUCTIONS = 1500;
/** Instructions of a story that goes all the way. */
export const PROGRAM_INSTRUCTIONS = PROGRAM_EPOCHS * PROGRAM_EPOCH_INSTRUCTIONS;

/** Of the machine of a Linux guest. */
export const LINUX_MEMORY_MIB = 128;
/** Where its kernel is. */
export const LINUX_CODE = [KERNEL_BASE, KERNEL_BASE + (20 << 20)] as const;
const LINUX_EPOCH_INSTRUCTIONS = 10_000_000n;
const LINUX_INSTRUCTIONS_MAX = 5_000_000_000n;
/** Ticks per 2^24 instructions: 0.2 ticks, 20 ns, each. */
const LINUX_RATE = Math.trunc(0.2 * CLOCK_RATE_INSTRUCTIONS);

const blank = new VirtualMachine(module, { memoryMiB: PROGRAM_MEMORY_MIB }).snapshot();
const loader = new VirtualMachine(module, { memoryMiB: PROGRAM_MEMORY_MIB });

/** When the story of a Linux guest begins, in the world. */
const WALL_CLOCK_NS = 1_700_000_000_000_000_000n;

/** Of the guest's shell. */
const PROMPT = "# ";

/** A random program; at the start of each epoch its clock's rate changes, and it gets some input. */
export async function tellProgram(
  host: MachineHost,
  seed: number,
  flavour: Flavour = "mixed",
  epochInstructions = PROGRAM_EPOCH_INSTRUCTIONS,
): Promise<string[]> {
  loader.restore(blank);
  loader.loadProgram(randomProgram(new Prng(seed), flavour));
  let position = await host.restore(loader.snapshot());
  const environment = new Prng(seed);
  const story: string[] = [];
  let typed = 0n;
  for (let epoch = 1; epoch <= PROGRAM_EPOCHS; epoch++) {
    const later = BigInt(environment.between(0, 40));
    const rate = environment.between(1, 1 << environment.between(22, 26));
    const bytes = Uint8Array.from({ length: environment.between(1, 4) }, () => environment.between(0, 255));
    const { time, wakeTime } = position;
    const clock = { time: wakeTime !== null && wakeTime > time ? wakeTime : time + later, rate };
    await host.beginEpoch(clock, [{ kind: "console", inputSession: INPUT_SESSION, offset: typed, bytes }]);
    typed += BigInt(bytes.length);
    position = await host.run(BigInt(epoch * epochInstructions));
    story.push(`${position.instant} ${await host.hash()} ${position.halt ?? ""}`);
  }
  return story;
}

export interface LinuxStory {
  /** Every 10 million instructions, and whenever the guest waits. */
  readonly lines: readonly string[];
  readonly transcript: string;
}

export interface LinuxEnvironment {
  /** What somebody types at the shell's first prompt. */
  readonly typed: string;
  /** The story ends when the guest has printed this behind it. */
  readonly last: string;
  /** Ticks of 100 ns per 2^24 instructions. */
  readonly rate?: number;
}

/** A Linux guest before its first instruction. */
export function linuxAtReset(files: LinuxFiles): Uint8Array {
  const vm = new VirtualMachine(module, { memoryMiB: LINUX_MEMORY_MIB });
  vm.loadLinux(files);
  return vm.snapshot();
}

/** A boot, and what comes of what somebody types. An idle guest's time jumps to its next timer. */
export async function tellLinux(host: MachineHost, atReset: Uint8Array, environment: LinuxEnvironment): Promise<LinuxStory> {
  const { typed, last, rate = LINUX_RATE } = environment;
  const bytes = new TextEncoder().encode(typed);
  let position = await host.restore(atReset);
  const lines: string[] = [];
  let transcript = "";
  let typedAt: number | null = null;
  while (typedAt === null || !transcript.includes(last, typedAt)) {
    const types = typedAt === null && transcript.includes(PROMPT);
    const { time, wakeTime, entropyWanted } = position;
    const clock = { time: wakeTime !== null && wakeTime > time && !types ? wakeTime : time, rate };
    const inputs: EpochInput[] = lines.length === 0 ? [{ kind: "wallClock", unixNs: WALL_CLOCK_NS }] : [];
    // The same for whoever is told the story, and never twice the same in it.
    const entropy = new Prng(lines.length);
    if (entropyWanted > 0)
      inputs.push({ kind: "entropy", bytes: Uint8Array.from({ length: entropyWanted }, () => entropy.between(0, 255)) });
    if (types) inputs.push({ kind: "console", inputSession: INPUT_SESSION, offset: 0n, bytes });
    await host.beginEpoch(clock, inputs);
    if (types) typedAt = transcript.length;
    const run = await host.run(position.instant + LINUX_EPOCH_INSTRUCTIONS);
    transcript += run.output;
    lines.push(`${run.instant} ${await host.hash()}`);
    position = run;
    if (run.halt !== null || run.instant > LINUX_INSTRUCTIONS_MAX) throw new Error(`no end in sight:\n${transcript.slice(-2000)}`);
  }
  return { lines, transcript };
}
