/** The priorities of a worker's threads, as the system has them. Each case is a process of its own, since it changes what it runs in. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** Runs `body`, which calls `look()`. @returns the niceness of its thread then, and which ones the process's other threads have */
async function looks(body: string): Promise<readonly (readonly [number, readonly number[]])[]> {
  const url = new URL("../../src/worker/thread-priority.ts", import.meta.url).href;
  const code = `
    import { readdirSync, readFileSync, readlinkSync } from "node:fs";
    import { withoutYielding, yieldToOtherThreads } from ${JSON.stringify(url)};
    const niceness = (thread) => Number(readFileSync("/proc/self/task/" + thread + "/stat", "utf8").split(") ")[1].split(" ")[16]);
    const self = readlinkSync("/proc/thread-self").split("/").at(-1);
    const seen = [];
    const look = () => {
      const others = readdirSync("/proc/self/task").filter((thread) => thread !== self);
      seen.push([niceness(self), [...new Set(others.map(niceness))]]);
    };
    ${body}
    console.log(JSON.stringify(seen));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", "--input-type=module", "-e", code]);
  return JSON.parse(stdout);
}

/** CAP_SYS_NICE, of what the process may do now. */
function mayRaise(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return (BigInt(`0x${effective}`) & (1n << 23n)) !== 0n;
}

test.runIf(process.platform === "linux")(
  "a thread that yields does so alone, and not while everybody waits for it, where it may",
  async () => {
    const seen = await looks(`
    look(); yieldToOtherThreads(); look();
    withoutYielding(look); look();
    try { withoutYielding(() => { look(); throw new Error("of the action"); }); } catch {} look();`);
    const before = getPriority();
    const meanwhile = mayRaise() ? 0 : 10;
    expect(seen.map(([own]) => own)).toEqual([before, 10, meanwhile, 10, meanwhile, 10]);
    expect(seen.map(([, others]) => others)).toEqual(Array(6).fill([before]));
  },
);

test.runIf(process.platform === "linux")("a thread that never yielded is left as it is", async () => {
  const before = getPriority();
  expect((await looks("withoutYielding(look); look();")).map(([own]) => own)).toEqual([before, before]);
});
