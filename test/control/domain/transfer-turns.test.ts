import { describe, expect, test } from "vitest";
import { type TransferEnds, TransferTurns } from "../../../src/control/domain/transfer-turns.ts";

const NONE: ReadonlyMap<string, TransferEnds> = new Map();
const waiting = (...backups: string[]): ReadonlySet<string> => new Set(backups);
const from = (source: string, target: string): TransferEnds => ({ source, target });

describe("a state transfer", () => {
  test("is ordered while both its workers take part in fewer than the limit", () => {
    const turns = new TransferTurns(2, 1000);
    turns.begin(NONE, waiting("a", "b", "c", "d"), 0);
    expect(turns.take("a", from("w1", "w2"), 0)).toBe(true);
    expect(turns.take("b", from("w2", "w3"), 0)).toBe(true);
    // The second worker is the target of one and the source of the other.
    expect(turns.take("c", from("w4", "w2"), 0)).toBe(false);
    expect(turns.take("d", from("w1", "w3"), 0)).toBe(true);
  });

  test("keeps its place when it is ordered again, and takes it once", () => {
    const turns = new TransferTurns(1, 1000);
    turns.begin(NONE, waiting("a", "b"), 0);
    expect([turns.take("a", from("w1", "w2"), 0), turns.take("a", from("w1", "w2"), 0)]).toEqual([true, true]);
    turns.begin(NONE, waiting("a", "b"), 10);
    expect(turns.take("b", from("w1", "w3"), 10)).toBe(false);
    expect(turns.take("a", from("w1", "w2"), 10)).toBe(true);
  });

  test("counts while a primary reports it, whoever ordered it", () => {
    const turns = new TransferTurns(1, 1000);
    turns.begin(new Map([["a", from("w1", "w2")]]), waiting("a", "b"), 0);
    expect(turns.take("b", from("w3", "w1"), 0)).toBe(false);
    turns.begin(NONE, waiting("b"), 10);
    expect(turns.take("b", from("w3", "w1"), 10)).toBe(true);
  });

  test("makes room as soon as its backup waits no more, though no pass has seen it under way", () => {
    const turns = new TransferTurns(1, 1000);
    turns.begin(NONE, waiting("a", "b"), 0);
    turns.take("a", from("w1", "w2"), 0);
    turns.begin(NONE, waiting("b"), 10);
    expect(turns.take("b", from("w1", "w2"), 10)).toBe(true);
  });

  test("that comes to nothing again and again does not keep others from their turns", () => {
    const turns = new TransferTurns(1, 1000);
    const all = waiting("hopeless", "b", "c");
    const ordered: string[] = [];
    for (let nowMs = 0; nowMs < 6000; nowMs += 1000) {
      turns.begin(NONE, all, nowMs);
      for (const backup of all) if (turns.take(backup, from("w1", `w of ${backup}`), nowMs)) ordered.push(backup);
    }
    expect(ordered).toEqual(["hopeless", "b", "c", "hopeless", "b", "c"]);
  });

  test("waits for nobody who waits for other workers", () => {
    const turns = new TransferTurns(1, 1000);
    turns.begin(new Map([["x", from("w1", "w2")]]), waiting("x", "a", "b"), 0);
    expect(turns.take("b", from("w3", "w4"), 0)).toBe(true);
    expect(turns.take("a", from("w1", "w5"), 0)).toBe(false);
    turns.begin(new Map([["x", from("w1", "w2")]]), waiting("x", "a", "b"), 1000);
    expect(turns.take("b", from("w3", "w4"), 1000)).toBe(true);
  });

  test("makes room when its order has shown no effect for long enough", () => {
    const turns = new TransferTurns(1, 1000);
    turns.begin(NONE, waiting("a", "b"), 0);
    turns.take("a", from("w1", "w2"), 0);
    turns.begin(NONE, waiting("a", "b"), 999);
    expect(turns.take("b", from("w1", "w2"), 999)).toBe(false);
    turns.begin(NONE, waiting("a", "b"), 1000);
    expect(turns.take("b", from("w1", "w2"), 1000)).toBe(true);
  });
});
