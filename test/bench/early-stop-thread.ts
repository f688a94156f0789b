/** The guest's thread of the bench `early-stop`: runs without a limit until it is asked to stop, writes when that was, and goes on. */
import { workerData } from "node:worker_threads";
import { StopRequest } from "../../src/engine/stop-request.ts";
import { VirtualMachine, type VirtualMachineConfig } from "../../src/engine/virtual-machine.ts";
import { READY_LINE } from "../../src/images/index.ts";
import { RemoteCompiler } from "../../src/worker/remote-compiler.ts";
import { type LinuxFiles, linuxFiles } from "../support/linux-guest.ts";
import { machineModule } from "../support/machine-module.ts";
import { type StoppedThreadData, StoppedWord } from "./early-stop-messages.ts";

const NO_LIMIT = 1n << 62n;
const MEMORY_MIB = 256;
/** 0.2 ticks, 20 ns, an instruction. */
const RATE = Math.trunc(0.2 * (1 << 24));
/** auipc t0, 1; ld a0, 0(t0); addi a0, a0, 1; sd a0, 0(t0); jal x0, -12 */
const LOOP = Uint32Array.of(0x00001297, 0x0002b503, 0x00150513, 0x00a2b023, 0xff5ff06f);

const { guest, compiler, stopMemory, words } = workerData as StoppedThreadData;
const stopRequest = new StopRequest(stopMemory);
const module = machineModule();
const translator = compiler && new RemoteCompiler(compiler);
const config: VirtualMachineConfig = { memoryMiB: MEMORY_MIB, stopRequest, ...(translator && { regions: { compiler: translator } }) };

if (guest === "loop") {
  begun();
  const vm = new VirtualMachine(module, config);
  vm.loadProgram(new Uint8Array(LOOP.buffer));
  vm.beginEpoch({ time: 0n, rate: RATE }, []);
  for (;;) runUntilStopped(() => vm.run(NO_LIMIT, false));
}
const files = await linuxFiles();
for (;;) bootOnce(files);

function bootOnce(files: LinuxFiles): void {
  begun();
  const vm = new VirtualMachine(module, config);
  vm.loadLinux(files);
  vm.beginEpoch({ time: 0n, rate: RATE }, []);
  let transcript = "";
  let read = 0n;
  while (!transcript.includes(READY_LINE)) {
    runUntilStopped(() => {
      const end = vm.run(NO_LIMIT, false);
      transcript = (transcript + new TextDecoder("latin1").decode(vm.readConsole(read))).slice(-1000);
      read = vm.consoleEnd;
      if (end === "wfi") vm.beginEpoch({ time: vm.wakeTime ?? vm.time, rate: RATE }, []);
      return transcript.includes(READY_LINE) ? "stopped" : end;
    });
  }
}

function begun(): void {
  Atomics.add(words, StoppedWord.machines, 1n);
}

function runUntilStopped(run: () => string): void {
  Atomics.store(words, StoppedWord.running, 1n);
  Atomics.notify(words, StoppedWord.running);
  while (run() !== "stopped");
  // A boot that ends by itself is no answer.
  if (!stopRequest.asked) return;
  Atomics.store(words, StoppedWord.stoppedNs, process.hrtime.bigint());
  Atomics.notify(words, StoppedWord.stoppedNs);
  Atomics.wait(words, StoppedWord.running, 1n);
}
