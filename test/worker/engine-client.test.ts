/** What the main thread notices of an engine thread that does not come back: a real thread, which never yields. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, expect, test } from "vitest";
import { EngineClient } from "../../src/worker/engine-client.ts";
import type { EngineCommand } from "../../src/worker/engine-commands.ts";
import { machineModule } from "../support/machine-module.ts";

const folder = mkdtempSync(join(tmpdir(), "understudy-engine-client-"));
const clients: EngineClient[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

afterAll(() => rmSync(folder, { recursive: true }));

/** An engine thread that does `onMessage` with a command. */
function client(name: string, onMessage: string): { readonly client: EngineClient; readonly failure: Promise<Error> } {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, `import { parentPort } from "node:worker_threads"; parentPort.on("message", (command) => { ${onMessage} });`);
  let onFailure = (_error: Error) => {};
  const failure = new Promise<Error>((resolve) => {
    onFailure = resolve;
  });
  const made = new EngineClient({
    threadUrl: pathToFileURL(file),
    module: machineModule(),
    memoryMiB: 16,
    compiler: null,
    onReply: () => {},
    onFailure,
  });
  clients.push(made);
  return { client: made, failure };
}

test.each<EngineCommand>([
  { kind: "runEpoch", epoch: 0n, limitInstant: 1n, exact: false, clock: { time: 0n, rate: 1 }, inputs: [], wantHash: false },
  { kind: "captureState", peer: "rep_b", first: true, maxBytes: 1, final: false },
  { kind: "endTransfer" },
  { kind: "applyState", pages: new Uint8Array(8) },
])("a thread that never comes back from $kind is given up as engine_stalled", async (command) => {
  const { client: stuck, failure } = client(command.kind, "for (;;);");
  stuck.post(command);
  const looking = setInterval(() => stuck.look(2), 50);
  expect(await failure).toMatchObject({ code: "engine_stalled" });
  clearInterval(looking);
});

test("one that has answered all that is answered at once is not given up, whatever it does then", async () => {
  const { client: busy, failure } = client(
    "busy",
    `if (command.kind === "verifyState") for (;;); else parentPort.postMessage({ kind: "stateApplied", bytes: 8 });`,
  );
  busy.post({ kind: "applyState", pages: new Uint8Array(8) });
  busy.post({ kind: "verifyState" });
  const before = process.cpuUsage();
  // Twice what a stalled thread takes before it is given up.
  for (let used = 0; used < 2_000_000; ) {
    busy.look(2);
    await delay(50);
    const { user, system } = process.cpuUsage(before);
    used = user + system;
  }
  expect(await Promise.race([failure, "still there"])).toBe("still there");
});
