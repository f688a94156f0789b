/** The other side of boot-worker.ts. Argument: the engine. It says `ready` first, then answers orders. */

import { readFile } from "node:fs/promises";
import { createPrimary } from "../../src/hypervisor/replica.ts";
import { READY_LINE } from "../../src/images/index.ts";
import { DEFAULT_RETENTION } from "../../src/worker/console-history.ts";
import { createWorkerLog } from "../../src/worker/log.ts";
import { ReplicaDriver } from "../../src/worker/replica-driver.ts";
import { machineModule } from "../support/machine-module.ts";
import type { Boot, BootAnswer, BootOrder } from "./boot-worker.ts";
import { translating } from "./our-engines.ts";

const PROMPT = "# ";

const module = machineModule();
const compiler = process.argv[2] === "jit" ? translating().compile : null;

process.on("message", async (order: BootOrder) => {
  const answer: BootAnswer = await boot(order).catch((error: Error) => ({ error: error.message }));
  process.send?.(answer);
});
process.on("disconnect", () => process.exit());
process.send?.("ready");

/** A primary without a backup, which is what a new VM begins as. */
function boot({ kernelPath, initramfsPath, memoryMiB, cmdline }: BootOrder): Promise<Boot> {
  return new Promise((resolve, reject) => {
    let transcript = "";
    let read = 0n;
    let done: Boot | null = null;
    const start = performance.now();
    const driver = new ReplicaDriver({
      vmId: "vm_bench",
      recorder: null,
      consoleBase: 0n,
      retention: DEFAULT_RETENTION,
      core: createPrimary(
        {
          replicaId: "rep_bench",
          heartbeatIntervalMs: 100,
          heartbeatTimeoutMs: 300,
          maxLagMs: 2000,
          epochTargetMs: 5,
          hashIntervalMs: 1000,
        },
        1n,
      ),
      engine: { threadUrl: new URL("../../dist/engine-thread.mjs", import.meta.url), module, memoryMiB, compiler },
      log: createWorkerLog("bench", "silent"),
      events: {
        onArbiterRequest: () => {},
        onInputAcknowledged: () => {},
        onInputRefused: () => {},
        onReportChanged: () => {},
        onConsoleChanged: () => {
          const bytes = driver.history.read(read, Number(driver.history.released - read));
          read += BigInt(bytes.length);
          transcript += Buffer.from(bytes).toString("latin1");
          if (done === null && transcript.includes(READY_LINE)) {
            done = { seconds: (performance.now() - start) / 1000, instructions: Number(driver.status().point.instant) };
          }
          if (done !== null && transcript.includes(PROMPT, transcript.indexOf(READY_LINE))) resolve(done);
        },
        onEnded: () => reject(new Error(`the guest has ended: ${transcript.slice(-2000)}`)),
      },
    });
    Promise.all([readFile(kernelPath), readFile(initramfsPath)]).then(
      ([kernel, initramfs]) => driver.boot({ kernel, initramfs, cmdline, rngSeed: new Uint8Array(32), consoleBase: 0n }),
      reject,
    );
  });
}
