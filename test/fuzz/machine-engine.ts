/** Our machine as an engine of the fuzzer. */
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "../support/machine-module.ts";
import { EngineStuck, type FuzzEngine } from "./engine.ts";
import { type Image, MEMORY_MIB } from "./frame.ts";

/** One tick an instruction: nothing that is compared depends on it. */
const RATE = 1 << 24;
/** No program takes so many, whatever it does: most of the 60,000 are the frame's. */
const LIMIT = 1_000_000n;

export class MachineEngine implements FuzzEngine {
  readonly name = "the machine";
  private readonly module = machineModule();
  /** Instructions retired in all runs. */
  instructions = 0n;

  boot(image: Image): VirtualMachine {
    const vm = new VirtualMachine(this.module, { memoryMiB: MEMORY_MIB });
    vm.loadProgram(image.bytes);
    vm.beginEpoch({ time: 0n, rate: RATE }, []);
    return vm;
  }

  run(image: Image): Promise<Uint8Array> {
    const vm = this.boot(image);
    const end = vm.run(LIMIT * BigInt(image.programs), true);
    this.instructions += vm.instant;
    const results = vm.readRam(image.results.address, image.results.length);
    if (vm.halt !== "poweroff") {
      return Promise.reject(
        new EngineStuck(
          `${this.name} did not end: ${vm.halt ?? end} at pc ${vm.programCounter.toString(16)}, instant ${vm.instant}`,
          results,
        ),
      );
    }
    return Promise.resolve(results);
  }
}
