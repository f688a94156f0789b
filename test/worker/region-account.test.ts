/** The account of regions under real threads: its bound is never passed, and what an ended thread held comes back. */
import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { holdRegions, RegionAccount, type RegionShare } from "../../src/worker/region-account.ts";
import type { HolderData } from "./region-holder.ts";

const THREADS = 3;
/** Grants and refusals that the threads come to before they are ended. */
const ENOUGH = 2000;
const MAXIMUM = 12;

function opened(account: RegionAccount): RegionShare {
  const share = account.open();
  if (share === null) throw new Error("the account has a place left");
  return share;
}

test("regions are granted up to the maximum, and again when they were given back", () => {
  const account = new RegionAccount(10);
  const [first, second] = [opened(account), opened(account)];
  expect(holdRegions(first, 7)).toBe(true);
  expect(holdRegions(second, 3)).toBe(true);
  expect(holdRegions(second, 4)).toBe(false);
  expect(account.regions).toBe(10);
  expect(holdRegions(first, 6)).toBe(true);
  expect(holdRegions(second, 4)).toBe(true);
  expect(account.regions).toBe(10);
  account.close(first);
  expect(account.regions).toBe(4);
  expect(holdRegions(second, 10)).toBe(true);
});

test("threads that want more than there is never pass the maximum, and leave nothing taken where they are ended", async () => {
  const account = new RegionAccount(MAXIMUM);
  const number = () => new Int32Array(new SharedArrayBuffer(4));
  const figures = { granted: number(), grants: number(), refusals: number(), passed: number() };
  const holders = Array.from({ length: THREADS }, (_, seed) => {
    const share = opened(account);
    const workerData: HolderData = { share, seed, figures };
    return { share, thread: new Worker(new URL("region-holder.mjs", import.meta.url), { workerData }) };
  });
  await Promise.all(holders.map(({ thread }) => once(thread, "message")));
  while (Math.min(Atomics.load(figures.grants, 0), Atomics.load(figures.refusals, 0)) < ENOUGH) await setImmediate();
  // In the middle of whatever each of them does.
  for (const { share, thread } of holders) {
    await thread.terminate();
    account.close(share);
  }
  expect(Atomics.load(figures.passed, 0)).toBe(0);
  expect(account.regions).toBe(0);
  expect(holdRegions(opened(account), MAXIMUM)).toBe(true);
});
