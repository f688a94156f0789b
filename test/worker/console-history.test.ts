import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CONSOLE_HISTORY_BYTES, CONSOLE_UNRELEASED_BYTES, ConsoleHistory } from "../../src/worker/console-history.ts";

/** Byte N of every console in these tests follows from N alone. */
function output(offset: bigint, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let at = Number(offset);
  for (let i = 0; i < length; i++, at++) out[i] = at * 31 + Math.floor(at / 256);
  return out;
}

function expectBytes(actual: Uint8Array, offset: bigint, length: number): void {
  expect(Buffer.compare(actual, output(offset, length))).toBe(0);
}

describe("the console history", () => {
  test("bytes can be read only once they are released", () => {
    const history = new ConsoleHistory();
    history.append(0n, output(0n, 10));
    expect(history.read(0n, 100).length).toBe(0);
    history.release(4n);
    expectBytes(history.read(0n, 100), 0n, 4);
    expectBytes(history.read(1n, 2), 1n, 2);
    expect(history.read(4n, 100).length).toBe(0);
    history.release(10n);
    expectBytes(history.read(4n, 100), 4n, 6);
  });

  test("a release may run ahead of the bytes: they can be read as they come", () => {
    const history = new ConsoleHistory();
    history.release(8n);
    history.append(0n, output(0n, 5));
    expect(history.released).toBe(5n);
    expectBytes(history.read(0n, 100), 0n, 5);
  });

  test("reading beyond the end gives nothing, below the oldest is a mistake of ours", () => {
    const history = new ConsoleHistory();
    history.reset(100n, output(100n, 10));
    expect(history.read(500n, 10).length).toBe(0);
    expect(() => history.read(99n, 10)).toThrowError(/the oldest is 100/);
  });

  test("a hole in the output and a release that goes back are mistakes of ours", () => {
    const history = new ConsoleHistory();
    history.append(0n, output(0n, 10));
    expect(() => history.append(11n, output(11n, 1))).toThrowError(/follow those that end at 10/);
    history.release(5n);
    expect(() => history.release(4n)).toThrowError(/take it back/);
  });

  test("the newest 256 KiB of released output are kept", () => {
    const history = new ConsoleHistory();
    for (let offset = 0n; offset < 1_000_000n; offset += 1000n) {
      history.append(offset, output(offset, 1000));
      history.release(offset + 1000n);
    }
    expect(history.oldest).toBe(1_000_000n - BigInt(CONSOLE_HISTORY_BYTES));
    expectBytes(history.read(history.oldest, CONSOLE_HISTORY_BYTES), history.oldest, CONSOLE_HISTORY_BYTES);
  });

  test("output that waits for acks is not trimmed before 4 MiB", () => {
    const history = new ConsoleHistory();
    const chunk = 64 * 1024;
    for (let offset = 0; offset < CONSOLE_UNRELEASED_BYTES; offset += chunk) history.append(BigInt(offset), output(BigInt(offset), chunk));
    expect(history.oldest).toBe(0n);
    history.append(history.end, output(history.end, chunk));
    expect(history.oldest).toBe(BigInt(chunk));
    history.release(history.end);
    expectBytes(history.read(history.oldest, chunk), history.oldest, chunk);
  });

  test("one piece larger than everything that is kept leaves its end", () => {
    const history = new ConsoleHistory();
    const length = CONSOLE_UNRELEASED_BYTES + 5;
    history.release(BigInt(length));
    history.append(0n, output(0n, length));
    expectBytes(history.read(BigInt(length - 10), 100), BigInt(length - 10), 10);
  });

  test("after a join it holds what the machine's ring holds, at the machine's offsets", () => {
    const history = new ConsoleHistory();
    const end = 12_345_678_901n;
    history.reset(end - 3000n, output(end - 3000n, 3000));
    history.append(end, output(end, 50));
    history.release(end + 50n);
    expect([history.oldest, history.end, history.released]).toEqual([end - 3000n, end + 50n, end + 50n]);
    expectBytes(history.read(end - 3000n, 4000), end - 3000n, 3050);
  });

  test("whatever is appended and released, a read gives the bytes that the guest wrote there", () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ append: fc.integer({ min: 0, max: 70_000 }), releaseShare: fc.double({ min: 0, max: 1, noNaN: true }) }), {
          maxLength: 25,
        }),
        (steps) => {
          const history = new ConsoleHistory();
          let released = 0n;
          for (const { append, releaseShare } of steps) {
            history.append(history.end, output(history.end, append));
            released += BigInt(Math.floor(Number(history.end - released) * releaseShare));
            history.release(released);
            const bytes = history.read(history.oldest, 1 << 23);
            expect(bytes.length).toBe(Number(released - history.oldest));
            expectBytes(bytes, history.oldest, bytes.length);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});
