/** Our machine as an engine of the fuzzer. */
import { ImmediateCompiler } from "../../src/engine/region-compiler.ts";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";
import { EngineStuck, type FuzzEngine } from "./engine.ts";
import { type Image, MEMORY_MIB } from "./frame.ts";

/** One tick an instruction: nothing that is compared depends on it. */
const RATE = 1 << 24;
/** No program takes so many, whatever it does: most of the 60,000 are the frame's. */
const LIMIT = 1_000_000n;

/** Translated code is installed between two runs: so often, and whatever has run once. */
const SLICE = 2000n;
const TRANSLATOR = { sampleInterval: 3, threshold: 1, landings: 1, maximum: 40 };

export type MachineEngineName = "interpreter" | "translator";

export class MachineEngine implements FuzzEngine {
  readonly name: MachineEngineName;
  private readonly module = machineModule();
  /** Instructions retired in all runs, and those in translated code. */
  instructions = 0n;
  translated = 0;

  constructor(name: MachineEngineName = "interpreter") {
    this.name = name;
  }

  boot(image: Image): VirtualMachine {
    const regions = this.name === "translator" ? { regions: { compiler: new ImmediateCompiler(), ...TRANSLATOR } } : {};
    const vm = new VirtualMachine(this.module, { memoryMiB: MEMORY_MIB, ...regions });
    vm.loadProgram(image.bytes);
    vm.beginEpoch({ time: 0n, rate: RATE }, []);
    return vm;
  }

  run(image: Image): Promise<Uint8Array> {
    const vm = this.boot(image);
    const limit = LIMIT * BigInt(image.programs);
    const slice = this.name === "translator" ? SLICE : limit;
    while (vm.instant < limit && vm.run(vm.instant + slice, true) === "limit");
    this.instructions += vm.instant;
    this.translated += vm.regionStatistics()?.retired ?? 0;
    const results = vm.readRam(image.results.address, image.results.length);
    if (vm.halt !== "poweroff") {
      const where = `pc ${vm.programCounter.toString(16)}, instant ${vm.instant}`;
      return Promise.reject(new EngineStuck(`the ${this.name} did not end: ${vm.halt ?? "it runs on"} at ${where}`, results));
    }
    return Promise.resolve(results);
  }
}
