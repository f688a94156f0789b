/** The thread of one translated machine of a soak, as src/worker/engine-thread.ts is of a replica's: the same parts, with a guest of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { RemoteCompiler } from "../../src/worker/remote-compiler.ts";
import type { GuestProgress, GuestThreadData } from "./guest-messages.ts";
import { GUESTS } from "./guests.ts";

const { kind, seed, compiler } = workerData as GuestThreadData;

for await (const statistics of GUESTS[kind](new RemoteCompiler(compiler), seed)) {
  parentPort?.postMessage({ statistics } satisfies GuestProgress);
}
