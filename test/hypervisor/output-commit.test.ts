import { expect, test } from "vitest";
import { InvariantViolation } from "../../src/base/errors.ts";
import { OutputCommit } from "../../src/hypervisor/output-commit.ts";

const NOBODY = { members: [], sinceUs: 0 };
/** Of a new VM. */
function begun(): OutputCommit {
  const commit = new OutputCommit(0n, 0n, NOBODY);
  commit.commit(0);
  return commit;
}

const typed = (offset: bigint, length: number) => ({ kind: "console" as const, inputSession: "s", offset, bytes: new Uint8Array(length) });

test("with nobody to wait for, a record commits at once", () => {
  const commit = new OutputCommit(4n, 10n, NOBODY);
  expect(commit.commit(5)).toEqual({ consoleEnd: 10n, inputNext: new Map() });
  expect(commit.commit(5)).toBeNull();
  commit.append(4n, 30n, [typed(0n, 3)], 0);
  expect(commit.commit(5)).toEqual({ consoleEnd: 30n, inputNext: new Map([["s", 3n]]) });
  expect(commit.empty).toBe(true);
});

test("the slowest member decides, and acks are cumulative", () => {
  const commit = begun();
  commit.enter("b");
  commit.enter("c");
  for (let epoch = 0n; epoch < 4n; epoch++) commit.append(epoch, (epoch + 1n) * 10n, [], 0);
  commit.acknowledge("b", 3n);
  expect(commit.commit(5)).toBeNull();
  commit.acknowledge("c", 1n);
  expect(commit.commit(5)?.consoleEnd).toBe(20n);
  commit.acknowledge("c", 0n);
  expect(commit.commit(5)).toBeNull();
  commit.leave("c");
  expect(commit.commit(5)?.consoleEnd).toBe(40n);
});

test("what waited for acks is counted by how long, what did not wait is not", () => {
  const commit = new OutputCommit(0n, 0n, NOBODY);
  commit.append(0n, 10n, [], 1000);
  commit.commit(1000);
  commit.enter("b");
  commit.append(1n, 20n, [], 2000);
  commit.append(2n, 20n, [], 2500); // no output
  commit.append(3n, 30n, [], 3000);
  commit.acknowledge("b", 3n);
  commit.commit(3400);
  expect(commit.delay.sumUs).toBe(1400 + 400);
  expect(commit.delay.counts.reduce((sum, count) => sum + count, 0)).toBe(2);
});

test("a newcomer is waited for only from its own instant on", () => {
  const commit = new OutputCommit(0n, 0n, NOBODY);
  commit.enter("b");
  commit.append(0n, 10n, [], 0);
  commit.enter("c");
  commit.acknowledge("b", 0n);
  expect(commit.commit(5)?.consoleEnd).toBe(10n);
  commit.append(1n, 20n, [], 0);
  commit.acknowledge("b", 1n);
  expect(commit.commit(5)).toBeNull();
});

test("input is durable up to the oldest record that is not committed", () => {
  const commit = new OutputCommit(0n, 0n, NOBODY);
  commit.enter("b");
  commit.append(0n, 0n, [typed(0n, 3)], 0);
  commit.append(1n, 0n, [typed(3n, 2)], 0);
  expect(commit.durableInput("s", 5n)).toBe(0n);
  expect(commit.undurableInputBytes).toBe(5);
  commit.acknowledge("b", 0n);
  commit.commit(5);
  expect(commit.durableInput("s", 5n)).toBe(3n);
  expect(commit.undurableInputBytes).toBe(2);
  commit.acknowledge("b", 1n);
  commit.commit(5);
  expect(commit.durableInput("s", 5n)).toBe(5n);
});

test("the age of what is not acknowledged is known per member", () => {
  const commit = begun();
  commit.enter("b");
  commit.enter("c");
  expect(commit.oldestUnackedUs()).toBeNull();
  commit.append(0n, 0n, [], 100);
  commit.append(1n, 0n, [], 200);
  commit.acknowledge("b", 0n);
  expect(commit.oldestUnackedUs("b")).toBe(200);
  expect(commit.oldestUnackedUs("c")).toBe(100);
  expect(commit.oldestUnackedUs()).toBe(100);
});

test("an ack of what was never recorded is an invariant violation", () => {
  const commit = new OutputCommit(0n, 0n, NOBODY);
  commit.enter("b");
  expect(() => commit.acknowledge("b", 0n)).toThrow(InvariantViolation);
  expect(() => commit.append(1n, 0n, [], 0)).toThrow(InvariantViolation);
});

test("what a promoted backup begins with commits when all whom it has from before have told where they stand, and hold it", () => {
  const commit = new OutputCommit(8n, 50n, { members: ["b", "c"], sinceUs: 100 });
  commit.append(8n, 60n, [typed(0n, 3)], 200);
  commit.acknowledge("b", 8n);
  expect(commit.commit(300)).toBeNull();
  expect(commit.hasBegun).toBe(false);
  expect(commit.oldestUnackedUs("c")).toBe(100);
  commit.acknowledge("c", 6n);
  expect(commit.commit(300)).toBeNull();
  commit.acknowledge("c", 7n);
  expect(commit.commit(300)).toEqual({ consoleEnd: 50n, inputNext: new Map() });
  expect(commit.hasBegun).toBe(true);
  expect(commit.oldestUnackedUs("c")).toBe(200);
  commit.leave("c");
  expect(commit.commit(300)).toEqual({ consoleEnd: 60n, inputNext: new Map([["s", 3n]]) });
});
