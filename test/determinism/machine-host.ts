/** A place where a machine runs: this process or another one, under this Node or another. The same story is told of all of them. */
import type { ClockSample, EpochEnd, EpochInput, GuestHalt } from "../../src/engine/epoch.ts";
import { ImmediateCompiler, type RegionCompiler } from "../../src/engine/region-compiler.ts";
import type { RegionOptions, RegionStatistics } from "../../src/engine/regions.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { type MachineBuild, machineModule } from "../support/machine-module.ts";

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

/** What executes: the interpreter alone, or translated code as well, of all that runs twice or of what runs often. */
export type Engine = "interpreter" | "translates-all" | "translates-often";

const SAMPLING: Readonly<Record<Exclude<Engine, "interpreter">, Omit<RegionOptions, "compiler">>> = {
  // Few regions, so that they push each other out.
  "translates-all": { sampleInterval: 3, threshold: 1, maximum: 24 },
  "translates-often": { sampleInterval: 1024, threshold: 8 },
};

export interface MachineOptions {
  readonly memoryMiB: number;
  readonly engine: Engine;
  readonly build?: MachineBuild;
}

/** A machine in this process. */
export class LocalMachine implements MachineHost {
  readonly name: string;
  private readonly vm: VirtualMachine;

  constructor({ memoryMiB, engine, build = "machine" }: MachineOptions, compiler: RegionCompiler = new ImmediateCompiler()) {
    this.name = `this process, Node ${process.versions.node}, ${build}, ${engine}`;
    const regions = engine === "interpreter" ? null : { compiler, ...SAMPLING[engine] };
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

  /** Null: everything is interpreted. */
  statistics(): RegionStatistics | null {
    return this.vm.regionStatistics();
  }

  private position(): Position {
    const { instant, time, wakeTime, entropyWanted, halt } = this.vm;
    return { instant, time, wakeTime, entropyWanted, halt };
  }
}
