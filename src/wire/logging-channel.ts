/**
 * The logging channel: bytes <-> messages.
 *
 * One TCP connection per pair, dialled by the primary's worker. A frame is `length (varint) type (u8) payload`, where
 * length counts the type and the payload. The first frame is `hello`, its answer `welcome` or `refused`; then
 * `LoggingChannelMessage`s in both directions.
 *
 *     type  frame          payload
 *     0x01  hello          protocol varint, vmId text, from text, to text, channelSecret text, buildDigest text
 *     0x02  welcome        -
 *     0x03  refused        code text
 *     0x10  heartbeat      [term]
 *     0x11  epoch          flags u8, [term], [epoch], time delta, [rate], end delta, [hash u64], inputs to the end of the frame
 *     0x12  statePages     bytes to the end of the frame, as the sending worker made them
 *     0x13  stateEnd       term, point, clockTime, hash u64
 *     0x14  termChanged    term, count varint, replica ids text
 *     0x15  guestHalted    term
 *     0x16  pauseChanged   paused u8, clockTime varint
 *     0x17  handedOver     -
 *     0x18  consoleHistory offset varint, bytes to the end of the frame: output of before, which no machine knows of
 *     0x19  resume         term, paused u8, clockTime varint, nextEpoch varint, author text, count varint, replica ids text
 *     0x20  ack            flags u8, received delta, applied delta, instant delta
 *     0x21  stateReceived  bytes varint
 *     0x22  stateVerified  epoch varint
 *     0x23  backupFailed   reason u8, epoch varint, hash u64
 *     0x24  pageChanges    to the end of the frame, a page each: number varint, hash before u64, hash now u64
 *     0x25  takingOver     term varint
 *
 * An input of an epoch is a kind and what it has:
 *
 *     0x00  console        input session 16 bytes, offset varint, bytes blob
 *     0x01  console        of the same session as the one before
 *     0x02  entropy        bytes blob
 *     0x03  wallClock      nanoseconds since 1970 varint
 *     0x04  sysRq          key u8, ASCII
 *     0x05  resize         input session 16 bytes, offset varint, cols varint, rows varint
 *     0x06  resize         of the same session as the one before
 *
 * Encoder and decoder of a direction keep the last term, epoch, clock, instant and input session, and what can be told
 * from them is left out ([..]) or sent as a difference: an idle pair's traffic is mostly heartbeats of 2 bytes and
 * records of about 10. The transport is ordered and reliable, so both ends agree; whatever does not decode closes the
 * channel, and a new connection starts with a new encoder and decoder.
 */
import { assert, unreachable } from "../base/assert.ts";
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { UnderstudyError } from "../base/errors.ts";
import { bytesToUuid, uuidToBytes } from "../base/uuid.ts";
import type { ClockSample, EpochInput, SessionInput, SysRqKey } from "../engine/epoch.ts";
import type { BackupFailure, EpochRecord, ExecutionPoint, LoggingChannelMessage } from "../hypervisor/messages.ts";
import { TERMINAL_SIZE_MAX } from "./console-frames.ts";

export const LOGGING_CHANNEL_PROTOCOL = 8;

/** `statePages` carries at most this many bytes; every other message is far smaller. */
export const STATE_PAGES_MAX = 2 * 1024 * 1024;

/** Bound of `length`. */
export const FRAME_MAX = STATE_PAGES_MAX + 64;

/** Bytes of a piece of the console's history at most. */
export const CONSOLE_HISTORY_PIECE_MAX = 32 * 1024;

/** Bound of `length` until the peer has shown who it is. */
export const HANDSHAKE_FRAME_MAX = 2048;

const TEXT_MAX = 256;
const INPUT_BYTES_MAX = 4096;
const ENTROPY_BYTES_MAX = 256;
/** Nanoseconds since 1970 that a wall clock stays below. */
const WALL_CLOCK_END_NS = 2n ** 63n;

/** Why the dialled worker will not have the connection. */
export type ChannelRefusal =
  | "bad_secret"
  | "certificate_refused"
  | "unknown_replica"
  | "engine_mismatch"
  | "protocol_mismatch"
  | "worker_fenced";

export type ChannelHandshake =
  | {
      readonly kind: "hello";
      readonly protocol: number;
      readonly vmId: string;
      /** Replica that dials: the primary. */
      readonly from: string;
      /** Replica that is dialled: the backup to be. */
      readonly to: string;
      readonly channelSecret: string;
      /** SHA-256 of the machine's .wasm, hex: a pair runs the same machine or none. */
      readonly buildDigest: string;
    }
  | { readonly kind: "welcome" }
  | { readonly kind: "refused"; readonly code: ChannelRefusal };

/**
 * A piece of the console's history that the backup's machine does not hold: a matter of the workers', not of the protocol. Only to
 * a worker that takes it, after its backup has said `stateVerified`.
 */
export interface ConsoleHistoryPiece {
  readonly kind: "consoleHistory";
  /** Of the first byte, in the VM's output since creation. */
  readonly offset: bigint;
  readonly bytes: Uint8Array;
}

export type LoggingChannelFrame = ChannelHandshake | LoggingChannelMessage | ConsoleHistoryPiece;

const TYPE = {
  hello: 0x01,
  welcome: 0x02,
  refused: 0x03,
  heartbeat: 0x10,
  epoch: 0x11,
  statePages: 0x12,
  stateEnd: 0x13,
  termChanged: 0x14,
  guestHalted: 0x15,
  pauseChanged: 0x16,
  handedOver: 0x17,
  consoleHistory: 0x18,
  resume: 0x19,
  ack: 0x20,
  stateReceived: 0x21,
  stateVerified: 0x22,
  backupFailed: 0x23,
  pageChanges: 0x24,
  takingOver: 0x25,
} as const satisfies Record<LoggingChannelFrame["kind"], number>;

const REFUSALS: readonly ChannelRefusal[] = [
  "bad_secret",
  "certificate_refused",
  "unknown_replica",
  "engine_mismatch",
  "protocol_mismatch",
  "worker_fenced",
];
const FAILURES: readonly BackupFailure[] = ["divergence", "state_mismatch"];

const EPOCH_HAS_TERM = 0x01;
const EPOCH_HAS_EPOCH = 0x02;
const EPOCH_HAS_RATE = 0x04;
const EPOCH_HAS_HASH = 0x08;
const EPOCH_FLAGS = 0x0f;

const ACK_HAS_RECEIVED = 0x01;
const ACK_HAS_APPLIED = 0x02;
const ACK_FLAGS = 0x03;

const INPUT_CONSOLE = 0x00;
const INPUT_CONSOLE_SAME_SESSION = 0x01;
const INPUT_ENTROPY = 0x02;
const INPUT_WALL_CLOCK = 0x03;
const INPUT_SYSRQ = 0x04;
const INPUT_RESIZE = 0x05;
const INPUT_RESIZE_SAME_SESSION = 0x06;

const SYSRQ_KEYS: readonly SysRqKey[] = ["s", "u", "o"];

const POINT_WAITING = 0x01;
const POINT_HAS_WAKE = 0x02;
const POINT_FLAGS = 0x03;

/** What both ends of one direction remember: the same sequence of frames leads both to the same values. */
class DirectionState {
  term = 0n;
  epoch = 0n;
  time = 0n;
  rate = 0;
  instant = 0n;
  inputSession: string | null = null;
  received = 0n;
  applied = 0n;
  appliedInstant = 0n;
}

/** What a record has become, for an encoder that remembered `before`; `after` it remembers that. */
interface EncodedRecord {
  readonly term: bigint;
  readonly before: RecordContext;
  readonly after: RecordContext;
  readonly bytes: Uint8Array;
}

/** The parts of a `DirectionState` that a record's bytes hang on. */
type RecordContext = Pick<DirectionState, "term" | "epoch" | "time" | "rate" | "instant" | "inputSession">;

/**
 * A record goes to every backup, and what their encoders remember is mostly the same: then it is encoded once. Nothing else
 * hangs on this, since the same frame in the same state is the same bytes.
 */
const encodedRecords = new WeakMap<EpochRecord, EncodedRecord>();

/** One direction of one connection, writing side. */
export class LoggingChannelEncoder {
  private readonly state = new DirectionState();
  private readonly writer = new ByteWriter(512);

  /** @returns the frame's bytes; other encoders may have given the same array, so nobody writes to it */
  encode(frame: LoggingChannelFrame): Uint8Array {
    if (frame.kind === "statePages") return statePagesFrame(frame.pages);
    if (frame.kind === "epoch") return this.encodeRecord(frame);
    return this.encodeAnew(frame);
  }

  private encodeRecord(frame: Extract<LoggingChannelMessage, { kind: "epoch" }>): Uint8Array {
    const known = encodedRecords.get(frame.record);
    if (known !== undefined && known.term === frame.term && sameContext(known.before, this.state)) {
      Object.assign(this.state, known.after);
      return known.bytes;
    }
    const before = recordContext(this.state);
    const bytes = this.encodeAnew(frame);
    encodedRecords.set(frame.record, { term: frame.term, before, after: recordContext(this.state), bytes });
    return bytes;
  }

  private encodeAnew(frame: Exclude<LoggingChannelFrame, { kind: "statePages" }>): Uint8Array {
    this.writer.u8(TYPE[frame.kind]);
    this.payload(frame);
    const body = this.writer.take();
    assert(body.length <= FRAME_MAX, () => `a ${frame.kind} frame of ${body.length} bytes is over the bound of ${FRAME_MAX}`);
    return this.writer.varint(body.length).bytes(body).take();
  }

  private payload(frame: Exclude<LoggingChannelFrame, { kind: "statePages" }>): void {
    const { writer, state } = this;
    switch (frame.kind) {
      case "hello":
        writer.varint(frame.protocol);
        for (const text of [frame.vmId, frame.from, frame.to, frame.channelSecret, frame.buildDigest]) writeText(writer, text);
        return;
      case "welcome":
      case "handedOver":
        return;
      case "refused":
        writeText(writer, frame.code);
        return;
      case "heartbeat":
        if (frame.term !== state.term) writer.varint(frame.term);
        state.term = frame.term;
        return;
      case "guestHalted":
      case "takingOver":
        writer.varint(frame.term);
        return;
      case "pauseChanged":
        writer.u8(frame.paused ? 1 : 0).varint(frame.clockTime);
        return;
      case "consoleHistory":
        writer.varint(frame.offset).bytes(frame.bytes);
        return;
      case "epoch":
        this.epoch(frame.term, frame.record);
        return;
      case "stateEnd":
        writer.varint(frame.term);
        writePoint(writer, frame.point);
        writer.varint(frame.clockTime).u64(frame.stateHash);
        return;
      case "termChanged":
        writer.varint(frame.term);
        writeReplicas(writer, frame.synced);
        return;
      case "resume":
        writer
          .varint(frame.term)
          .u8(frame.paused ? 1 : 0)
          .varint(frame.clockTime)
          .varint(frame.nextEpoch);
        writeText(writer, frame.author);
        writeReplicas(writer, frame.synced);
        return;
      case "ack":
        writer.u8((frame.received === null ? 0 : ACK_HAS_RECEIVED) | (frame.applied === null ? 0 : ACK_HAS_APPLIED));
        if (frame.received !== null) {
          writeDelta(writer, frame.received, state.received);
          state.received = frame.received;
        }
        if (frame.applied !== null) {
          writeDelta(writer, frame.applied, state.applied);
          state.applied = frame.applied;
        }
        writeDelta(writer, frame.appliedInstant, state.appliedInstant);
        state.appliedInstant = frame.appliedInstant;
        return;
      case "stateReceived":
        writer.varint(frame.bytes);
        return;
      case "stateVerified":
        writer.varint(frame.epoch);
        return;
      case "backupFailed":
        writer.u8(FAILURES.indexOf(frame.reason)).varint(frame.epoch).u64(frame.stateHash);
        return;
      case "pageChanges":
        for (let at = 0; at < frame.changes.length; at += 3) {
          const [page, before, now] = frame.changes.subarray(at, at + 3) as unknown as [bigint, bigint, bigint];
          writer.varint(page).u64(before).u64(now);
        }
        return;
      default:
        unreachable(frame);
    }
  }

  private epoch(term: bigint, record: EpochRecord): void {
    const { writer, state } = this;
    const nextEpoch = BigInt.asUintN(64, state.epoch + 1n);
    writer.u8(
      (term === state.term ? 0 : EPOCH_HAS_TERM) |
        (record.epoch === nextEpoch ? 0 : EPOCH_HAS_EPOCH) |
        (record.clock.rate === state.rate ? 0 : EPOCH_HAS_RATE) |
        (record.stateHash === null ? 0 : EPOCH_HAS_HASH),
    );
    if (term !== state.term) writer.varint(term);
    if (record.epoch !== nextEpoch) writer.varint(record.epoch);
    writeDelta(writer, record.clock.time, state.time);
    if (record.clock.rate !== state.rate) writer.u32(record.clock.rate);
    writeDelta(writer, record.endInstant, state.instant);
    if (record.stateHash !== null) writer.u64(record.stateHash);
    state.term = term;
    state.epoch = record.epoch;
    state.time = record.clock.time;
    state.rate = record.clock.rate;
    state.instant = record.endInstant;
    for (const input of record.inputs) this.input(input);
  }

  private input(input: EpochInput): void {
    switch (input.kind) {
      case "console": {
        const { length } = input.bytes;
        assert(length >= 1 && length <= INPUT_BYTES_MAX, () => `an input of ${length} bytes is not 1..4096`);
        this.inputSession(input, INPUT_CONSOLE, INPUT_CONSOLE_SAME_SESSION).blob(input.bytes);
        return;
      }
      case "resize":
        this.inputSession(input, INPUT_RESIZE, INPUT_RESIZE_SAME_SESSION).varint(input.size.cols).varint(input.size.rows);
        return;
      case "entropy":
        this.writer.u8(INPUT_ENTROPY).blob(input.bytes);
        return;
      case "wallClock":
        this.writer.u8(INPUT_WALL_CLOCK).varint(input.unixNs);
        return;
      case "sysRq":
        this.writer.u8(INPUT_SYSRQ).u8(input.key.charCodeAt(0));
        return;
      default:
        unreachable(input);
    }
  }

  /** What begins an input of a session: `kind` names that, `sameKind` says that it is the one of the input before. */
  private inputSession({ inputSession, offset }: SessionInput, kind: number, sameKind: number): ByteWriter {
    const { writer, state } = this;
    if (inputSession === state.inputSession) {
      writer.u8(sameKind);
    } else {
      writer.u8(kind).bytes(uuidToBytes(inputSession));
      state.inputSession = inputSession;
    }
    return writer.varint(offset);
  }
}

function recordContext({ term, epoch, time, rate, instant, inputSession }: RecordContext): RecordContext {
  return { term, epoch, time, rate, instant, inputSession };
}

function sameContext(a: RecordContext, b: RecordContext): boolean {
  return (
    a.epoch === b.epoch &&
    a.instant === b.instant &&
    a.time === b.time &&
    a.term === b.term &&
    a.rate === b.rate &&
    a.inputSession === b.inputSession
  );
}

/**
 * One direction of one connection, reading side: takes the stream in whatever chunks it comes, gives whole frames.
 *
 * After a `malformed_message` the decoder is of no more use: close the connection.
 */
export class LoggingChannelDecoder {
  private readonly state = new DirectionState();
  /** Bytes of the length prefix that have come so far. */
  private prefix = 0;
  private prefixBits = 0;
  /** The frame that is being filled; null: between frames. */
  private body: Uint8Array | null = null;
  private filled = 0;

  /** @param frameMax bound of a frame's length, see `acceptMessages` */
  constructor(private frameMax = HANDSHAKE_FRAME_MAX) {}

  /** The handshake is done: frames of any kind may be as long as they need. */
  acceptMessages(): void {
    this.frameMax = FRAME_MAX;
  }

  /**
   * @param chunk not kept: the frames own their bytes
   * @throws {UnderstudyError} `malformed_message`
   */
  push(chunk: Uint8Array): LoggingChannelFrame[] {
    const frames: LoggingChannelFrame[] = [];
    let at = 0;
    while (at < chunk.length) {
      if (this.body === null) {
        const byte = chunk[at++] as number;
        this.prefix += (byte & 0x7f) * 2 ** this.prefixBits;
        this.prefixBits += 7;
        if (this.prefix > this.frameMax || this.prefixBits > 28) throw malformed(`its length is over the bound of ${this.frameMax}`);
        if ((byte & 0x80) !== 0) continue;
        if (this.prefix === 0) throw malformed("its length is 0, a frame has at least a type");
        this.body = new Uint8Array(this.prefix);
        this.filled = 0;
        this.prefix = 0;
        this.prefixBits = 0;
        continue;
      }
      const take = Math.min(this.body.length - this.filled, chunk.length - at);
      this.body.set(chunk.subarray(at, at + take), this.filled);
      at += take;
      this.filled += take;
      if (this.filled === this.body.length) {
        const body = this.body;
        this.body = null;
        frames.push(this.decode(body));
      }
    }
    return frames;
  }

  private decode(body: Uint8Array): LoggingChannelFrame {
    const reader = new ByteReader(body);
    const type = reader.u8();
    const frame = this.payload(type, reader);
    reader.end();
    return frame;
  }

  private payload(type: number, reader: ByteReader): LoggingChannelFrame {
    const { state } = this;
    switch (type) {
      case TYPE.hello:
        return {
          kind: "hello",
          protocol: reader.varnum(),
          vmId: readText(reader),
          from: readText(reader),
          to: readText(reader),
          channelSecret: readText(reader),
          buildDigest: readText(reader),
        };
      case TYPE.welcome:
        return { kind: "welcome" };
      case TYPE.refused: {
        const text = readText(reader);
        const code = REFUSALS.find((known) => known === text);
        if (code === undefined) throw malformed(`a refusal "${text}" is not defined`);
        return { kind: "refused", code };
      }
      case TYPE.heartbeat:
        if (reader.remaining > 0) state.term = reader.varint();
        return { kind: "heartbeat", term: state.term };
      case TYPE.guestHalted:
        return { kind: "guestHalted", term: reader.varint() };
      case TYPE.pauseChanged:
        return { kind: "pauseChanged", paused: readPaused(reader), clockTime: reader.varint() };
      case TYPE.handedOver:
        return { kind: "handedOver" };
      case TYPE.consoleHistory: {
        const offset = reader.varint();
        if (reader.remaining > CONSOLE_HISTORY_PIECE_MAX) throw malformed(`it has ${reader.remaining} bytes of the console's history`);
        return { kind: "consoleHistory", offset, bytes: reader.bytes(reader.remaining) };
      }
      case TYPE.epoch:
        return this.epoch(reader);
      case TYPE.statePages:
        return { kind: "statePages", pages: reader.bytes(reader.remaining) };
      case TYPE.stateEnd:
        return {
          kind: "stateEnd",
          term: reader.varint(),
          point: readPoint(reader),
          clockTime: reader.varint(),
          stateHash: reader.u64(),
        };
      case TYPE.termChanged:
        return { kind: "termChanged", term: reader.varint(), synced: readReplicas(reader) };
      case TYPE.resume: {
        const term = reader.varint();
        const paused = readPaused(reader);
        const clockTime = reader.varint();
        const nextEpoch = reader.varint();
        const author = readText(reader);
        return { kind: "resume", term, paused, clockTime, nextEpoch, author, synced: readReplicas(reader) };
      }
      case TYPE.ack: {
        const flags = readFlags(reader, ACK_FLAGS);
        const received = flags & ACK_HAS_RECEIVED ? (state.received = readDelta(reader, state.received)) : null;
        const applied = flags & ACK_HAS_APPLIED ? (state.applied = readDelta(reader, state.applied)) : null;
        state.appliedInstant = readDelta(reader, state.appliedInstant);
        return { kind: "ack", received, applied, appliedInstant: state.appliedInstant };
      }
      case TYPE.stateReceived:
        return { kind: "stateReceived", bytes: reader.varnum() };
      case TYPE.stateVerified:
        return { kind: "stateVerified", epoch: reader.varint() };
      case TYPE.backupFailed: {
        const index = reader.u8();
        const reason = FAILURES[index];
        if (reason === undefined) throw malformed(`a failure of kind ${index} is not defined`);
        return { kind: "backupFailed", reason, epoch: reader.varint(), stateHash: reader.u64() };
      }
      case TYPE.pageChanges: {
        const words: bigint[] = [];
        while (reader.remaining > 0) words.push(reader.varint(), reader.u64(), reader.u64());
        return { kind: "pageChanges", changes: BigUint64Array.from(words) };
      }
      case TYPE.takingOver:
        return { kind: "takingOver", term: reader.varint() };
      default:
        throw malformed(`its type is ${type}`);
    }
  }

  private epoch(reader: ByteReader): LoggingChannelFrame {
    const { state } = this;
    const flags = readFlags(reader, EPOCH_FLAGS);
    if (flags & EPOCH_HAS_TERM) state.term = reader.varint();
    state.epoch = flags & EPOCH_HAS_EPOCH ? reader.varint() : BigInt.asUintN(64, state.epoch + 1n);
    state.time = readDelta(reader, state.time);
    if (flags & EPOCH_HAS_RATE) state.rate = reader.u32();
    const clock: ClockSample = { time: state.time, rate: state.rate };
    state.instant = readDelta(reader, state.instant);
    const stateHash = flags & EPOCH_HAS_HASH ? reader.u64() : null;
    const inputs: EpochInput[] = [];
    while (reader.remaining > 0) inputs.push(this.input(reader));
    return { kind: "epoch", term: state.term, record: { epoch: state.epoch, clock, inputs, endInstant: state.instant, stateHash } };
  }

  private input(reader: ByteReader): EpochInput {
    const kind = reader.u8();
    if (kind === INPUT_ENTROPY) {
      const bytes = reader.blob();
      if (bytes.length < 1 || bytes.length > ENTROPY_BYTES_MAX)
        throw malformed(`entropy has ${bytes.length} bytes, 1..${ENTROPY_BYTES_MAX} are allowed`);
      return { kind: "entropy", bytes };
    }
    if (kind === INPUT_WALL_CLOCK) {
      const unixNs = reader.varint();
      if (unixNs >= WALL_CLOCK_END_NS) throw malformed(`a wall clock of ${unixNs} ns is beyond its bound`);
      return { kind: "wallClock", unixNs };
    }
    if (kind === INPUT_SYSRQ) {
      const code = reader.u8();
      const key = SYSRQ_KEYS.find((known) => known.charCodeAt(0) === code);
      if (key === undefined) throw malformed(`a SysRq key ${code} is not defined`);
      return { kind: "sysRq", key };
    }
    if (kind === INPUT_CONSOLE || kind === INPUT_RESIZE) this.state.inputSession = bytesToUuid(reader.bytes(16));
    else if (kind !== INPUT_CONSOLE_SAME_SESSION && kind !== INPUT_RESIZE_SAME_SESSION)
      throw malformed(`an input of kind ${kind} is not defined`);
    const { inputSession } = this.state;
    if (inputSession === null) throw malformed("its first input names no input session");
    const offset = reader.varint();
    if (kind === INPUT_RESIZE || kind === INPUT_RESIZE_SAME_SESSION) {
      const size = { cols: reader.varnum(), rows: reader.varnum() };
      for (const length of [size.cols, size.rows])
        if (length < 1 || length > TERMINAL_SIZE_MAX)
          throw malformed(`a terminal has 1..${TERMINAL_SIZE_MAX} columns and rows, not ${length}`);
      return { kind: "resize", inputSession, offset, size };
    }
    const bytes = reader.blob();
    if (bytes.length < 1 || bytes.length > INPUT_BYTES_MAX)
      throw malformed(`an input has ${bytes.length} bytes, 1..${INPUT_BYTES_MAX} are allowed`);
    return { kind: "console", inputSession, offset, bytes };
  }
}

/** The one long frame: put together in a buffer of just its size. */
function statePagesFrame(pages: Uint8Array): Uint8Array {
  assert(pages.length <= STATE_PAGES_MAX, () => `${pages.length} bytes of state pages are over ${STATE_PAGES_MAX}`);
  const header = new ByteWriter(8)
    .varint(pages.length + 1)
    .u8(TYPE.statePages)
    .take();
  const out = new Uint8Array(header.length + pages.length);
  out.set(header);
  out.set(pages, header.length);
  return out;
}

function writePoint(writer: ByteWriter, point: ExecutionPoint): void {
  writer.u8((point.waiting ? POINT_WAITING : 0) | (point.wakeTime === null ? 0 : POINT_HAS_WAKE));
  writer.varint(point.epoch).varint(point.instant).varint(point.time);
  if (point.wakeTime !== null) writer.varint(point.wakeTime);
  writer.varint(point.consoleEnd);
}

function readPoint(reader: ByteReader): ExecutionPoint {
  const flags = readFlags(reader, POINT_FLAGS);
  return {
    waiting: (flags & POINT_WAITING) !== 0,
    epoch: reader.varint(),
    instant: reader.varint(),
    time: reader.varint(),
    wakeTime: flags & POINT_HAS_WAKE ? reader.varint() : null,
    consoleEnd: reader.varint(),
  };
}

function readFlags(reader: ByteReader, defined: number): number {
  const flags = reader.u8();
  if ((flags & ~defined) !== 0) throw malformed(`its flags are 0x${flags.toString(16)}, only 0x${defined.toString(16)} are defined`);
  return flags;
}

/** The difference modulo 2^64, zigzag: small in either direction is short. */
function writeDelta(writer: ByteWriter, value: bigint, last: bigint): void {
  const delta = BigInt.asIntN(64, value - last);
  writer.varint(BigInt.asUintN(64, (delta << 1n) ^ (delta >> 63n)));
}

function readDelta(reader: ByteReader, last: bigint): bigint {
  const zigzag = reader.varint();
  return BigInt.asUintN(64, last + ((zigzag >> 1n) ^ -(zigzag & 1n)));
}

function readPaused(reader: ByteReader): boolean {
  const paused = reader.u8();
  if (paused > 1) throw malformed(`a pause of ${paused} is not defined`);
  return paused === 1;
}

function writeReplicas(writer: ByteWriter, replicas: readonly string[]): void {
  writer.varint(replicas.length);
  for (const replica of replicas) writeText(writer, replica);
}

function readReplicas(reader: ByteReader): readonly string[] {
  const count = reader.varnum();
  if (count > reader.remaining) throw malformed(`it announces ${count} replicas in ${reader.remaining} bytes`);
  return Array.from({ length: count }, () => readText(reader));
}

/** ASCII with a length of at most 256: ids, digests and secrets are nothing else. */
function writeText(writer: ByteWriter, text: string): void {
  assert(text.length <= TEXT_MAX, () => `a text of ${text.length} characters is over ${TEXT_MAX}`);
  writer.varint(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    assert(code >= 0x20 && code < 0x7f, () => `character ${code} of a text is not printable ASCII`);
    writer.u8(code);
  }
}

function readText(reader: ByteReader): string {
  const length = reader.varnum();
  if (length > TEXT_MAX) throw malformed(`a text has ${length} characters, ${TEXT_MAX} are allowed`);
  let text = "";
  for (const code of reader.bytes(length)) {
    if (code < 0x20 || code >= 0x7f) throw malformed(`character ${code} of a text is not printable ASCII`);
    text += String.fromCharCode(code);
  }
  return text;
}

function malformed(what: string): UnderstudyError {
  return new UnderstudyError("malformed_message", `Cannot read the logging channel frame: ${what}`);
}
