/** A place where a machine runs: this process or another one, under this Node or another. The same story is told of all of them. */
import { Prng } from "../../src/base/prng.ts";
import type { ClockSample, EpochEnd, EpochInput, GuestHalt } from "../../src/engine/epoch.ts";
import { ImmediateCompiler, type RegionCompiler } from "../../src/engine/region-compiler.ts";
import type { RegionOptions, RegionStatistics } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { type MachineBuild, machineModule } from "../support/machine-module.ts";
import { ErraticCompiler } from "./erratic-compiler.ts";

/** What there is to know about a machine between two runs. */
export interface Position {
  readonly instant: bigint;
  readonly time: bigint;
  readonly wakeTime: bigint | null;
  /** Random bytes that the guest has asked for. */
  readonly entropyWanted: number;
  readonly halt: GuestHalt | null;
}

export interface Run extends Position {
  readonly end: Exclude<EpochEnd, "output">;
  /** What the guest printed meanwhile. */
  readonly output: string;
}

export interface MachineHost {
  readonly name: string;
  /** Becomes the machine of that snapshot. */
  restore(snapshot: Uint8Array): Promise<Position>;
  snapshot(): Promise<Uint8Array>;
  beginEpoch(clock: ClockSample, inputs: readonly EpochInput[]): Promise<void>;
  run(until: bigint): Promise<Run>;
  hash(): Promise<string>;
  /** Instructions that retired in translated code, over all its machines' lives. */
  translated(): Promise<number>;
}

/**
 * What executes: the interpreter alone, or translated code as well, of all that runs twice or of what runs often; or of all, by
 * a compiler that answers when it likes (erratic-compiler.ts), with TLBs of four entries.
 */
export type Engine = "interpreter" | "translates-all" | "translates-often" | "translates-erratically";

const SAMPLING: Readonly<Record<Exclude<Engine, "interpreter" | "translates-erratically">, Omit<RegionOptions, "compiler">>> = {
  // Few regions, so that they push each other out.
  "translates-all": { sampleInterval: 3, threshold: 1, landings: 1, maximum: 24 },
  "translates-often": { sampleInterval: 1024, threshold: 8 },
};

/** Often or seldom, few or many: so that regions are pushed out by others, or not. */
function erraticSampling(prng: Prng): Omit<RegionOptions, "compiler"> {
  return {
    sampleInterval: prng.between(1, 200),
    threshold: prng.between(1, 4),
    maximum: prng.between(1, 1 << prng.between(0, 10)),
    optimiseAfter: prng.between(1, 40),
    landings: prng.between(0, 3),
    linkLooks: prng.between(1, 40),
  };
}

function regionOptions(engine: Engine, prng: Prng, compiler?: RegionCompiler): RegionOptions | null {
  switch (engine) {
    case "interpreter":
      return null;
    case "translates-erratically":
      return { ...erraticSampling(prng), compiler: compiler ?? new ErraticCompiler(prng) };
    default:
      return { ...SAMPLING[engine], compiler: compiler ?? new ImmediateCompiler() };
  }
}

export interface MachineOptions {
  readonly memoryMiB: number;
  readonly engine: Engine;
  /** What happens erratically follows from it. */
  readonly seed?: number;
}

/** A machine in this process. */
export class LocalMachine implements MachineHost {
  readonly name: string;
  private readonly vm: VirtualMachine;

  constructor({ memoryMiB, engine, seed = 1 }: MachineOptions, compiler?: RegionCompiler) {
    this.name = `this process, Node ${process.versions.node}, ${engine}`;
    const build: MachineBuild = engine === "translates-erratically" ? "machine-tiny-tlb" : "machine";
    const regions = regionOptions(engine, new Prng(seed), compiler);
    this.vm = new VirtualMachine(machineModule(build), { memoryMiB, ...(regions && { regions }) });
  }

  async restore(snapshot: Uint8Array): Promise<Position> {
    this.vm.restore(snapshot);
    return this.position();
  }

  async snapshot(): Promise<Uint8Array> {
    return this.vm.snapshot();
  }

  async beginEpoch(clock: ClockSample, inputs: readonly EpochInput[]): Promise<void> {
    this.vm.beginEpoch(clock, inputs);
  }

  async run(until: bigint): Promise<Run> {
    const { vm } = this;
    let output = "";
    for (;;) {
      const read = vm.consoleEnd;
      const end = vm.run(until, true);
      output += new TextDecoder("latin1").decode(vm.readConsole(read));
      if (end !== "output") return { ...this.position(), end, output };
    }
  }

  async hash(): Promise<string> {
    return this.vm.hash().toString(16);
  }

  async translated(): Promise<number> {
    return this.vm.regionStatistics()?.retired ?? 0;
  }

  /** Stores bytes of RAM, by physical address, as they are: what was made of them is dropped. */
  storeAnew(address: number, length: number): void {
    this.vm.writeRam(address, this.vm.readRam(address, length));
  }

  /** Null: everything is interpreted. */
  statistics(): RegionStatistics | null {
    return this.vm.regionStatistics();
  }

  private position(): Position {
    const { instant, time, wakeTime, entropyWanted, halt } = this.vm;
    return { instant, time, wakeTime, entropyWanted, halt };
  }
}
