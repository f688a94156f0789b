import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CONSOLE_UNRELEASED_BYTES, ConsoleHistory, type ConsoleRetention, DEFAULT_RETENTION } from "../../src/worker/console-history.ts";

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

function keeping(retention: Partial<ConsoleRetention> = {}, base = 0n): ConsoleHistory {
  return new ConsoleHistory(base, { ...DEFAULT_RETENTION, ...retention });
}

/** As a guest whose output is released as it comes. */
function write(history: ConsoleHistory, length: number): void {
  for (let left = length; left > 0; left -= 1000) history.append(history.end, output(history.end, Math.min(1000, left)));
  history.release(history.end);
}

describe("the console history", () => {
  test("bytes can be read only once they are released", () => {
    const history = keeping();
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
    const history = keeping();
    history.release(8n);
    history.append(0n, output(0n, 5));
    expect(history.released).toBe(5n);
    expectBytes(history.read(0n, 100), 0n, 5);
  });

  test("reading beyond the end gives nothing, below the oldest is a mistake of ours", () => {
    const history = keeping();
    history.reset(100n, output(100n, 10));
    expect(history.read(500n, 10).length).toBe(0);
    expect(() => history.read(99n, 10)).toThrowError(/the oldest is 100/);
  });

  test("a hole in the output and a release that goes back are mistakes of ours", () => {
    const history = keeping();
    history.append(0n, output(0n, 10));
    expect(() => history.append(11n, output(11n, 1))).toThrowError(/follow those that end at 10/);
    history.release(5n);
    expect(() => history.release(4n)).toThrowError(/take it back/);
  });

  test("the newest 256 KiB of released output are kept", () => {
    const history = keeping();
    for (let offset = 0n; offset < 1_000_000n; offset += 1000n) {
      history.append(offset, output(offset, 1000));
      history.release(offset + 1000n);
    }
    expect(history.oldest).toBe(1_000_000n - BigInt(DEFAULT_RETENTION.tailBytes));
    expectBytes(history.read(history.oldest, DEFAULT_RETENTION.tailBytes), history.oldest, DEFAULT_RETENTION.tailBytes);
  });

  test("output that waits for acks is not trimmed before 4 MiB", () => {
    const history = keeping();
    const chunk = 64 * 1024;
    for (let offset = 0; offset < CONSOLE_UNRELEASED_BYTES; offset += chunk) history.append(BigInt(offset), output(BigInt(offset), chunk));
    expect(history.oldest).toBe(0n);
    history.append(history.end, output(history.end, chunk));
    expect(history.oldest).toBe(BigInt(chunk));
    history.release(history.end);
    expectBytes(history.read(history.oldest, chunk), history.oldest, chunk);
  });

  test("one piece larger than everything that is kept leaves its end", () => {
    const history = keeping();
    const length = CONSOLE_UNRELEASED_BYTES + 5;
    history.release(BigInt(length));
    history.append(0n, output(0n, length));
    expectBytes(history.read(BigInt(length - 10), 100), BigInt(length - 10), 10);
  });

  test("after a join it holds what the machine's ring holds, at the machine's offsets", () => {
    const history = keeping();
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
          const history = keeping();
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

describe("a retention", () => {
  const KIB = 1024;

  test("of a head and a short tail leaves a hole between them, of which a reader is told where it ends", () => {
    const history = keeping({ headBytes: 1500, tailBytes: 4 * KIB }, 70n);
    write(history, 1_000_000);
    const end = 1_000_070n;
    expect([history.start, history.oldest, history.end]).toEqual([70n, end - 4096n, end]);
    expectBytes(history.read(70n, 10_000), 70n, 1500);
    expect(history.read(1569n, 10)).toHaveLength(1);
    // Who comes gets what is to be kept, who reads what is not dropped yet.
    expect([0n, 70n, 1569n, 1570n, end - 5000n, end - 4096n, end].map((offset) => history.keptFrom(offset))).toEqual([
      70n,
      70n,
      1569n,
      end - 4096n,
      end - 4096n,
      end - 4096n,
      end,
    ]);
    expect(history.heldFrom(end - 5000n)).toBe(end - 5000n);
    expect(history.heldFrom(1570n)).toBe(end - BigInt(256 * KIB));
    expect(() => history.read(1570n, 10)).toThrowError(/are gone/);
  });

  test("without a head begins with the tail, and one whose tail reaches the head has no hole", () => {
    const bare = keeping({ tailBytes: 4 * KIB });
    write(bare, 10_000);
    expect([bare.start, bare.keptFrom(0n)]).toEqual([10_000n - 4096n, 10_000n - 4096n]);
    const whole = keeping({ headBytes: 8 * KIB, tailBytes: 4 * KIB });
    write(whole, 10_000);
    expect([whole.start, whole.keptFrom(8000n), whole.keptFrom(8200n)]).toEqual([0n, 8000n, 8200n]);
  });

  test("that shrinks drops what is over it at once, and one that grows brings nothing back", () => {
    const history = keeping({ headBytes: 64 * KIB, tailBytes: 1024 * KIB });
    write(history, 3_000_000);
    expect(history.oldest).toBe(3_000_000n - BigInt(1024 * KIB));
    history.retain({ headBytes: 100, tailBytes: 4096 });
    expect([history.read(0n, 1 << 20).length, history.oldest]).toEqual([100, 3_000_000n - 4096n]);
    history.retain({ headBytes: 64 * KIB, tailBytes: 1024 * KIB });
    expect(history.read(0n, 1 << 20)).toHaveLength(100);
    expect(history.oldest).toBe(3_000_000n - BigInt(256 * KIB));
    expectBytes(history.read(history.oldest, 1 << 20), history.oldest, 256 * KIB);
    write(history, 500_000);
    expectBytes(history.read(history.oldest, 1 << 20), history.oldest, 256 * KIB + 500_000);
  });

  test("whose head grows takes what the tail still has of it", () => {
    const history = keeping();
    write(history, 10_000);
    history.retain({ headBytes: 6000, tailBytes: 4096 });
    write(history, 1_000_000);
    expectBytes(history.read(0n, 10_000), 0n, 6000);
  });

  test("is the same at a backup that has joined, once it has what its machine did not hold: head, and tail as far as it goes", () => {
    const retention = { headBytes: 5000, tailBytes: 1024 * KIB };
    const primary = keeping(retention);
    write(primary, 2_000_000);
    const backup = keeping(retention);
    const ring = 2_000_000n - BigInt(256 * KIB);
    backup.reset(ring, output(ring, 256 * KIB));
    // The guest goes on meanwhile, at both.
    primary.append(2_000_000n, output(2_000_000n, 5000));
    backup.append(2_000_000n, output(2_000_000n, 5000));
    for (const { offset, bytes } of primary.lackedByBackup(32 * KIB)) {
      expect(bytes.length).toBeLessThanOrEqual(32 * KIB);
      backup.backfill(offset, bytes);
    }
    primary.release(2_005_000n);
    backup.release(2_005_000n);
    expect([backup.start, backup.oldest]).toEqual([0n, primary.oldest]);
    expectBytes(backup.read(0n, 10_000), 0n, 5000);
    expectBytes(backup.read(backup.oldest, 1 << 21), backup.oldest, 1024 * KIB);
  });

  test("as it is by default makes nothing to be sent to a backup while its machine holds it all, nor does a guest that wrote little", () => {
    const longest = keeping({ headBytes: 1024 * KIB, tailBytes: 4096 * KIB });
    write(longest, 200_000);
    expect([...longest.lackedByBackup(1000)]).toEqual([]);
    const usual = keeping();
    write(usual, 2_000_000);
    expect([...usual.lackedByBackup(1000)]).toEqual([]);
  });

  test("pieces that lie next to nothing that is held are not taken", () => {
    const backup = keeping({ headBytes: 100, tailBytes: 1024 * KIB });
    backup.reset(500_000n, output(500_000n, 1000));
    backup.backfill(300_000n, output(300_000n, 1000));
    backup.backfill(50n, output(50n, 20));
    backup.release(501_000n);
    expect([backup.start, backup.oldest]).toEqual([500_000n, 500_000n]);
    backup.backfill(499_000n, output(499_000n, 1500));
    expect(backup.oldest).toBe(499_000n);
    expectBytes(backup.read(499_000n, 4000), 499_000n, 2000);
  });
});
