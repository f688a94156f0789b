import { describe, expect, test } from "vitest";
import { InvariantViolation } from "../../src/base/errors.ts";
import {
  INPUT_BUFFER_BYTES,
  INPUT_BYTES_MAX,
  INPUT_SESSIONS_MAX,
  InputBuffer,
  InputSessions,
  lengthOf,
} from "../../src/hypervisor/input-buffer.ts";

const ROOM = 65536;
const bytes = (text: string) => new TextEncoder().encode(text);
const told = ({ inputs }: ReturnType<InputBuffer["take"]>) =>
  inputs.map((input) => {
    const what = input.kind === "console" ? new TextDecoder().decode(input.bytes) : `${input.size.cols}x${input.size.rows}`;
    return `${input.inputSession}@${input.offset} ${what}`;
  });

describe("input sessions", () => {
  test("the least recently delivered of 64 makes room for a 65th, as in the machine", () => {
    const sessions = new InputSessions();
    for (let i = 0; i < INPUT_SESSIONS_MAX; i++)
      sessions.delivered({ kind: "console", inputSession: `s${i}`, offset: 0n, bytes: bytes("a") });
    sessions.delivered({ kind: "console", inputSession: "s0", offset: 1n, bytes: bytes("b") });
    sessions.delivered({ kind: "console", inputSession: "new", offset: 0n, bytes: bytes("c") });
    expect(sessions.next("s0")).toBe(2n);
    expect(sessions.next("s1")).toBeUndefined();
    expect(sessions.next("s2")).toBe(1n);
    expect(sessions.next("new")).toBe(1n);
  });

  test("a joining backup's copy keeps the order of use", () => {
    const table = new Map<string, bigint>([["oldest", 7n]]);
    for (let i = 1; i < INPUT_SESSIONS_MAX; i++) table.set(`s${i}`, 1n);
    const sessions = new InputSessions(table);
    sessions.delivered({ kind: "console", inputSession: "new", offset: 0n, bytes: bytes("c") });
    expect(sessions.next("oldest")).toBeUndefined();
    expect(sessions.next("s1")).toBe(1n);
  });

  test("a delivery out of order is an invariant violation", () => {
    const sessions = new InputSessions(new Map([["s", 5n]]));
    expect(() => sessions.delivered({ kind: "console", inputSession: "s", offset: 4n, bytes: bytes("x") })).toThrow(InvariantViolation);
  });
});

describe("the input buffer", () => {
  test("keeps a size of the terminal in its place among the bytes, of which it takes one, and gives it once", () => {
    const buffer = new InputBuffer(new InputSessions());
    const size = { cols: 100, rows: 30 };
    expect(buffer.offer("s", 0n, bytes("ab"), 0)).toEqual({ kind: "buffered" });
    expect(buffer.offer("s", 3n, size, 0)).toEqual({ kind: "refused", next: 2n, code: "input_offset_gap" });
    expect(buffer.offer("s", 2n, size, 0)).toEqual({ kind: "buffered" });
    expect(buffer.offer("s", 2n, size, 0)).toEqual({ kind: "duplicate" });
    expect(buffer.offer("s", 1n, bytes("b?cd"), 0)).toEqual({ kind: "buffered" });
    // Room is for bytes that the guest has not read: what comes after them waits as well.
    expect(told(buffer.take(1))).toEqual(["s@0 a"]);
    expect(told(buffer.take(0))).toEqual([]);
    expect(told(buffer.take(ROOM))).toEqual(["s@1 b", "s@2 100x30", "s@3 cd"]);
    expect(buffer.sessions.next("s")).toBe(5n);
    expect(buffer.offer("s", 2n, size, 0)).toEqual({ kind: "duplicate" });
  });

  test("delivers in order of arrival, in pieces of at most 4096 bytes", () => {
    const buffer = new InputBuffer(new InputSessions());
    expect(buffer.offer("a", 0n, new Uint8Array(5000), 0)).toEqual({ kind: "buffered" });
    expect(buffer.offer("b", 0n, bytes("x"), 0)).toEqual({ kind: "buffered" });
    const { inputs } = buffer.take(ROOM);
    expect(inputs.map((input) => [input.inputSession, input.offset, lengthOf(input)])).toEqual([
      ["a", 0n, INPUT_BYTES_MAX],
      ["a", 4096n, 904],
      ["b", 0n, 1],
    ]);
    expect(buffer.empty).toBe(true);
  });

  test("drops what is delivered or waits already, and keeps the new rest", () => {
    const buffer = new InputBuffer(new InputSessions(new Map([["a", 3n]])));
    expect(buffer.offer("a", 0n, bytes("abc"), 0)).toEqual({ kind: "duplicate" });
    expect(buffer.offer("a", 1n, bytes("bcde"), 0)).toEqual({ kind: "buffered" });
    expect(buffer.offer("a", 3n, bytes("de"), 0)).toEqual({ kind: "duplicate" });
    expect(buffer.offer("a", 4n, bytes("ef"), 0)).toEqual({ kind: "buffered" });
    expect(told(buffer.take(ROOM))).toEqual(["a@3 de", "a@5 f"]);
  });

  test("refuses a hole after the bytes that wait, and a session that it does not know", () => {
    const buffer = new InputBuffer(new InputSessions(new Map([["a", 3n]])));
    buffer.offer("a", 3n, bytes("de"), 0);
    expect(buffer.offer("a", 6n, bytes("x"), 0)).toEqual({ kind: "refused", next: 5n, code: "input_offset_gap" });
    expect(buffer.offer("b", 1n, bytes("x"), 0)).toEqual({ kind: "refused", next: 0n, code: "input_session_expired" });
  });

  test("refuses as a whole what does not fit beside the bytes that are not durable yet", () => {
    const buffer = new InputBuffer(new InputSessions());
    const half = new Uint8Array(INPUT_BUFFER_BYTES / 2);
    expect(buffer.offer("a", 0n, half, 0)).toEqual({ kind: "buffered" });
    expect(buffer.offer("a", BigInt(half.length), half, 1)).toEqual({
      kind: "refused",
      next: BigInt(half.length),
      code: "input_buffer_full",
    });
    expect(buffer.offer("a", BigInt(half.length), half, 0)).toEqual({ kind: "buffered" });
  });

  test("delivers what the machine has room for and goes on with the rest", () => {
    const buffer = new InputBuffer(new InputSessions());
    buffer.offer("a", 0n, bytes("abcdef"), 0);
    buffer.offer("b", 0n, bytes("x"), 0);
    expect(told(buffer.take(4))).toEqual(["a@0 abcd"]);
    expect(told(buffer.take(0))).toEqual([]);
    expect(buffer.offer("a", 6n, bytes("g"), 0)).toEqual({ kind: "buffered" });
    expect(told(buffer.take(3))).toEqual(["a@4 ef", "b@0 x"]);
    expect(told(buffer.take(3))).toEqual(["a@6 g"]);
  });

  test("bytes that waited while 64 other sessions were used are refused, not delivered out of order", () => {
    const buffer = new InputBuffer(new InputSessions(new Map([["old", 5n]])));
    for (let i = 0; i < INPUT_SESSIONS_MAX; i++) buffer.offer(`s${i}`, 0n, bytes("x"), 0);
    buffer.offer("old", 5n, bytes("y"), 0);
    const { inputs, expired } = buffer.take(ROOM);
    expect(inputs).toHaveLength(INPUT_SESSIONS_MAX);
    expect(expired).toEqual(["old"]);
    expect(buffer.empty).toBe(true);
  });
});
