import { expect, test } from "vitest";
import { differingPages } from "../../src/hypervisor/differing-pages.ts";
import { HashTrail } from "../../src/hypervisor/hash-trail.ts";

/** Page, hash before, hash now. */
function changes(...pages: readonly (readonly [bigint, bigint, bigint])[]): BigUint64Array {
  return BigUint64Array.from(pages.flat());
}

test("pages that both changed alike are equal, and so is one that neither did", () => {
  expect(differingPages([changes([1n, 0n, 5n], [7n, 2n, 3n])], [changes([1n, 0n, 5n], [7n, 2n, 3n])])).toEqual([]);
});

test("a page that one side changed differs from what both had before, on whichever side it was", () => {
  expect(differingPages([changes([9n, 2n, 3n])], [changes([4n, 6n, 7n])])).toEqual([
    { page: 4n, expected: 6n, actual: 7n },
    { page: 9n, expected: 3n, actual: 2n },
  ]);
});

test("changes that the primary looked at in several pieces count as one, from the oldest hash to the newest", () => {
  const ours = [changes([3n, 0n, 1n], [5n, 0n, 8n]), changes([3n, 1n, 2n], [5n, 8n, 0n])];
  expect(differingPages(ours, [changes([3n, 0n, 2n])])).toEqual([]);
  expect(differingPages(ours, [changes([3n, 0n, 1n])])).toEqual([{ page: 3n, expected: 2n, actual: 1n }]);
});

const record = (epoch: bigint, stateHash: bigint) => ({
  epoch,
  clock: { time: 0n, rate: 1 },
  inputs: [],
  endInstant: epoch * 100n,
  stateHash,
});

test("a backup is compared with what changed since it was last equal, though another one joined meanwhile", () => {
  const trail = new HashTrail(1000, 0n, []);
  trail.follow("A", 0n, 0n, changes([1n, 0n, 1n]));
  trail.sent(record(4n, 11n), changes([1n, 1n, 2n], [6n, 0n, 4n]));
  trail.applied("A", 4n);
  trail.follow("B", 700n, 8n, changes([6n, 4n, 5n]));
  trail.sent(record(9n, 12n), changes([1n, 2n, 3n]));
  for (const [backup, theirs, differing] of [
    ["A", changes([1n, 2n, 3n], [6n, 4n, 4n]), [{ page: 6n, expected: 5n, actual: 4n }]],
    ["B", changes([1n, 2n, 3n], [7n, 0n, 1n]), [{ page: 7n, expected: 0n, actual: 1n }]],
  ] as const) {
    trail.differs(backup, theirs.slice(0, 3));
    trail.differs(backup, theirs.slice(3));
    expect(trail.differing(backup, 9n)).toEqual(differing);
  }
  expect([trail.lastEqualInstant("A"), trail.lastEqualInstant("B")]).toEqual([400n, 700n]);
});
