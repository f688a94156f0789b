import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteWriter } from "../../src/base/bytes.ts";
import { UnderstudyError } from "../../src/base/errors.ts";
import { bytesToUuid } from "../../src/base/uuid.ts";
import {
  HANDSHAKE_FRAME_MAX,
  LoggingChannelDecoder,
  LoggingChannelEncoder,
  type LoggingChannelFrame,
  STATE_PAGES_MAX,
} from "../../src/wire/logging-channel.ts";

const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength: 60 });
const uuid = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytesToUuid);
const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength }).map((b) => Uint8Array.from(b));
const optional = fc.option(u64, { nil: null });

const point = fc.record({ epoch: u64, instant: u64, time: u64, wakeTime: optional, waiting: fc.boolean(), consoleEnd: u64 });

/** Few sessions, so that the short form is used too. */
const inputs = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("console" as const),
      inputSession: fc.oneof(fc.constant("00000000-0000-4000-8000-000000000001"), uuid),
      offset: u64,
      bytes: bytes(1, 80),
    }),
    fc.record({
      kind: fc.constant("resize" as const),
      inputSession: fc.oneof(fc.constant("00000000-0000-4000-8000-000000000001"), uuid),
      offset: u64,
      size: fc.record({ cols: fc.integer({ min: 1, max: 65_535 }), rows: fc.integer({ min: 1, max: 65_535 }) }),
    }),
    fc.record({ kind: fc.constant("entropy" as const), bytes: bytes(1, 256) }),
    fc.record({ kind: fc.constant("wallClock" as const), unixNs: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }) }),
    fc.record({ kind: fc.constant("sysRq" as const), key: fc.constantFrom("s" as const, "u" as const, "o" as const) }),
  ),
  { maxLength: 4 },
);

const record = fc.record({
  epoch: fc.oneof(u64, fc.bigInt({ min: 0n, max: 3n })),
  clock: fc.record({ time: u64, rate: fc.integer({ min: 0, max: 0xffff_ffff }) }),
  inputs,
  endInstant: u64,
  stateHash: optional,
});

const term = fc.oneof(fc.bigInt({ min: 0n, max: 3n }), u64);

const anyFrame: fc.Arbitrary<LoggingChannelFrame> = fc.oneof(
  fc.record({
    kind: fc.constant("hello" as const),
    protocol: fc.nat(),
    vmId: text,
    from: text,
    to: text,
    channelSecret: text,
    buildDigest: text,
  }),
  fc.constant({ kind: "welcome" as const }),
  fc.record({
    kind: fc.constant("refused" as const),
    code: fc.constantFrom(
      "bad_secret" as const,
      "unknown_replica" as const,
      "engine_mismatch" as const,
      "protocol_mismatch" as const,
      "worker_fenced" as const,
    ),
  }),
  fc.record({ kind: fc.constant("heartbeat" as const), term }),
  fc.record({ kind: fc.constant("guestHalted" as const), term }),
  fc.record({ kind: fc.constant("pauseChanged" as const), paused: fc.boolean(), clockTime: u64 }),
  fc.constant({ kind: "handedOver" as const }),
  fc.record({ kind: fc.constant("consoleHistory" as const), offset: u64, bytes: fc.uint8Array({ maxLength: 64 }) }),
  fc.record({ kind: fc.constant("takingOver" as const), term }),
  fc.record({ kind: fc.constant("epoch" as const), term, record }),
  fc.record({ kind: fc.constant("statePages" as const), pages: bytes(0, 3000) }),
  fc.record({ kind: fc.constant("stateEnd" as const), term, point, clockTime: u64, stateHash: u64 }),
  fc.record({ kind: fc.constant("termChanged" as const), term, synced: fc.array(text, { maxLength: 3 }) }),
  fc.record({
    kind: fc.constant("resume" as const),
    term,
    paused: fc.boolean(),
    clockTime: u64,
    nextEpoch: u64,
    author: text,
    synced: fc.array(text, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant("ack" as const), received: optional, applied: optional, appliedInstant: u64 }),
  fc.record({ kind: fc.constant("stateReceived" as const), bytes: fc.nat() }),
  fc.record({ kind: fc.constant("stateVerified" as const), epoch: u64 }),
  fc.record({
    kind: fc.constant("pageChanges" as const),
    changes: fc.array(fc.tuple(u64, u64, u64), { maxLength: 20 }).map((pages) => BigUint64Array.from(pages.flat())),
  }),
  fc.record({
    kind: fc.constant("backupFailed" as const),
    reason: fc.constantFrom("divergence" as const, "state_mismatch" as const),
    epoch: u64,
    stateHash: u64,
  }),
);

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter();
  for (const part of parts) writer.bytes(part);
  return writer.take();
}

function encodeAll(frames: readonly LoggingChannelFrame[]): Uint8Array {
  const encoder = new LoggingChannelEncoder();
  return concat(frames.map((frame) => encoder.encode(frame)));
}

function openDecoder(): LoggingChannelDecoder {
  const decoder = new LoggingChannelDecoder();
  decoder.acceptMessages();
  return decoder;
}

describe("the logging channel's frames", () => {
  test("every sequence of frames comes out as it went in, whatever the chunks", () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { minLength: 1, maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }),
        (frames, sizes) => {
          const stream = encodeAll(frames);
          const decoder = openDecoder();
          const out: LoggingChannelFrame[] = [];
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length] as number;
            out.push(...decoder.push(stream.subarray(at, at + size)));
            at += size;
          }
          expect(out).toEqual(frames);
        },
      ),
      { numRuns: 400 },
    );
  });

  test("frames that arrive in one chunk and a byte at a time are the same", () => {
    const frames = fc.sample(anyFrame, { seed: 7, numRuns: 40 });
    const stream = encodeAll(frames);
    const bytewise = openDecoder();
    const out = [...stream].flatMap((byte) => bytewise.push(Uint8Array.of(byte)));
    expect(out).toEqual(openDecoder().push(stream));
    expect(out).toEqual(frames);
  });

  test("frames that go to several backups, which came at different times, come out at each as they went in", () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { minLength: 1, maxLength: 12 }), fc.array(fc.nat(12), { maxLength: 3 }), (frames, starts) => {
        const encoders = [0, ...starts].map((start) => ({ start, encoder: new LoggingChannelEncoder(), decoder: openDecoder() }));
        const out = encoders.map((): LoggingChannelFrame[] => []);
        for (const [at, frame] of frames.entries()) {
          for (const [i, { start, encoder, decoder }] of encoders.entries()) {
            if (at >= start) out[i]?.push(...decoder.push(encoder.encode(frame)));
          }
        }
        for (const [i, { start }] of encoders.entries()) expect(out[i]).toEqual(frames.slice(start));
      }),
      { numRuns: 200 },
    );
  });

  test("a record for several backups is encoded once, as soon as their encoders remember the same", () => {
    const [first, second] = [new LoggingChannelEncoder(), new LoggingChannelEncoder()];
    const epoch = (number: number): LoggingChannelFrame => ({
      kind: "epoch",
      term: 3n,
      record: { epoch: BigInt(number), clock: { time: 40n, rate: 7 }, inputs: [], endInstant: BigInt(1000 + number), stateHash: null },
    });
    first.encode(epoch(1));
    const [joins, follows] = [epoch(2), epoch(3)];
    expect(second.encode(joins)).not.toBe(first.encode(joins));
    expect(second.encode(follows)).toBe(first.encode(follows));
  });

  test("decoded bytes do not change when the chunk's buffer is used again", () => {
    const chunk = encodeAll([{ kind: "statePages", pages: Uint8Array.of(1, 2, 3) }]);
    const [frame] = openDecoder().push(chunk);
    chunk.fill(0xff);
    expect(frame).toEqual({ kind: "statePages", pages: Uint8Array.of(1, 2, 3) });
  });

  test("an idle pair's frames are short: heartbeats of 2 bytes, records of about 10, acks of about 9", () => {
    const encoder = new LoggingChannelEncoder();
    const epochFrame = (epoch: bigint): LoggingChannelFrame => ({
      kind: "epoch",
      term: 7n,
      record: {
        epoch,
        clock: { time: 12_345_678_901n + epoch * 40_000n, rate: 1_048_576 },
        inputs: [],
        endInstant: 98_765_432_100n + epoch * 1_500_000n,
        stateHash: null,
      },
    });
    encoder.encode(epochFrame(1000n));
    const ack = (epoch: bigint): LoggingChannelFrame => ({
      kind: "ack",
      received: epoch,
      applied: epoch - 1n,
      appliedInstant: epoch * 1_500_000n,
    });
    encoder.encode(ack(1000n));
    const sizes = {
      heartbeat: encoder.encode({ kind: "heartbeat", term: 7n }).length,
      epoch: encoder.encode(epochFrame(1001n)).length,
      ack: encoder.encode(ack(1001n)).length,
    };
    expect(sizes).toEqual({ heartbeat: 2, epoch: 10, ack: 9 });
  });

  test("state pages of the largest size pass", () => {
    const pages = new Uint8Array(STATE_PAGES_MAX).fill(0x5a);
    const [frame] = openDecoder().push(encodeAll([{ kind: "statePages", pages }]));
    expect(frame?.kind === "statePages" && Buffer.compare(frame.pages, pages)).toBe(0);
  });

  test("before the handshake is done, a long frame is refused at its length", () => {
    const length = new ByteWriter().varint(HANDSHAKE_FRAME_MAX + 1).take();
    expect(() => new LoggingChannelDecoder().push(length)).toThrowError(/over the bound of 2048/);
  });
});

describe("a stream that is not the logging channel's", () => {
  const frameOf = (...body: number[]) => new ByteWriter().varint(body.length).bytes(Uint8Array.from(body)).take();

  const cases: readonly { readonly name: string; readonly bytes: Uint8Array; readonly says: RegExp }[] = [
    { name: "an HTTP request", bytes: Uint8Array.from([..."GET / HTTP/1.1\r\n"].map((c) => c.charCodeAt(0))).slice(0, 80), says: /./ },
    { name: "a frame of length 0", bytes: Uint8Array.of(0), says: /its length is 0/ },
    { name: "a length over the bound", bytes: new ByteWriter().varint(STATE_PAGES_MAX + 65).take(), says: /over the bound/ },
    { name: "a length that never ends", bytes: Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0x80), says: /over the bound/ },
    { name: "an unknown type", bytes: frameOf(0x7f), says: /its type is 127/ },
    { name: "a welcome with a payload", bytes: frameOf(0x02, 1), says: /1 bytes left over/ },
    { name: "undefined epoch flags", bytes: frameOf(0x11, 0x10, 0, 0), says: /flags are 0x10/ },
    { name: "undefined ack flags", bytes: frameOf(0x20, 0x04, 0), says: /flags are 0x4/ },
    { name: "a record that is cut short", bytes: frameOf(0x11, 0x08, 0, 0, 1, 2, 3), says: /Cannot read 8 bytes/ },
    { name: "an input without a session", bytes: frameOf(0x11, 0, 0, 0, 0x01, 0, 1, 65), says: /names no input session/ },
    { name: "an input of an unknown kind", bytes: frameOf(0x11, 0, 0, 0, 0x07), says: /input of kind 7/ },
    { name: "a terminal without rows", bytes: frameOf(0x11, 0, 0, 0, 5, ...new Array<number>(16).fill(1), 0, 80, 0), says: /rows, not 0/ },
    {
      name: "a terminal of too many columns",
      bytes: frameOf(0x11, 0, 0, 0, 5, ...new Array<number>(16).fill(1), 0, 0x80, 0x80, 4, 1),
      says: /columns and rows, not 65536/,
    },
    { name: "an empty input", bytes: frameOf(0x11, 0, 0, 0, 0, ...new Array<number>(16).fill(1), 0, 0), says: /has 0 bytes/ },
    { name: "entropy of no bytes", bytes: frameOf(0x11, 0, 0, 0, 0x02, 0), says: /entropy has 0 bytes/ },
    {
      name: "more entropy than anybody asks for",
      bytes: frameOf(0x11, 0, 0, 0, 0x02, 0x81, 0x02, ...new Array<number>(257).fill(1)),
      says: /257/,
    },
    {
      name: "a wall clock beyond its age",
      bytes: frameOf(0x11, 0, 0, 0, 0x03, ...new Array<number>(9).fill(0xff), 1),
      says: /beyond its bound/,
    },
    { name: "an unknown failure", bytes: frameOf(0x23, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0), says: /failure of kind 9/ },
    { name: "an unknown refusal", bytes: frameOf(0x03, 1, 65), says: /refusal "A"/ },
    { name: "a text that is not ASCII", bytes: frameOf(0x03, 1, 0xc3), says: /not printable ASCII/ },
    { name: "more replicas than bytes", bytes: frameOf(0x14, 1, 0xff, 0xff, 0x7f), says: /announces/ },
    { name: "a varint over 64 bits", bytes: frameOf(0x22, ...new Array<number>(10).fill(0xff), 1), says: /does not fit in 64 bits/ },
  ];

  for (const { name, bytes: stream, says } of cases) {
    test(`${name} is a malformed_message`, () => {
      const decoder = openDecoder();
      const error = catchError(() => decoder.push(concat([stream, new Uint8Array(100)])));
      expect(error).toBeInstanceOf(UnderstudyError);
      expect((error as UnderstudyError).code).toBe("malformed_message");
      expect((error as UnderstudyError).message).toMatch(says);
    });
  }

  test("random bytes give frames or a malformed_message, nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        const error = catchError(() => openDecoder().push(noise));
        if (error !== null) expect((error as UnderstudyError).code).toBe("malformed_message");
      }),
      { numRuns: 500 },
    );
  });

  test("a flipped bit anywhere in a stream never gives anything but frames or a malformed_message", () => {
    const stream = encodeAll(fc.sample(anyFrame, { seed: 11, numRuns: 12 }));
    for (let bit = 0; bit < stream.length * 8; bit += 3) {
      const damaged = stream.slice();
      damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
      const error = catchError(() => openDecoder().push(damaged));
      if (error !== null) expect((error as UnderstudyError).code).toBe("malformed_message");
    }
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
    return null;
  } catch (error) {
    return error;
  }
}
