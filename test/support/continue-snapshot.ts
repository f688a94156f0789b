/** Run as a process: restores a snapshot, runs it on to an instant and prints the hash. Arguments: file, MiB, clock time, rate, instant. */
import { readFileSync } from "node:fs";
import { VirtualMachine } from "../../src/engine/virtual-machine.ts";
import { machineModule } from "./machine-module.ts";

const [file, memoryMiB, time, rate, end] = process.argv.slice(2) as [string, string, string, string, string];
const vm = new VirtualMachine(machineModule(), { memoryMiB: Number(memoryMiB) });
vm.restore(readFileSync(file));
vm.beginEpoch({ time: BigInt(time), rate: Number(rate) }, []);
while (vm.run(BigInt(end), true) === "output");
process.stdout.write(`${vm.hash().toString(16)}\n`);
