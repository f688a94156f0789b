/**
 * Console input between the shell and the guest: deduplicated by `(inputSession, offset)`, buffered while an epoch runs,
 * delivered at the start of the next one (rule P1). A session's content is bytes, and sizes that its terminal has from there on:
 * a size takes one offset, so it keeps its place among the bytes, and comes once.
 *
 * The table of input sessions is part of the machine's state; `InputSessions` is the copy that decides what is delivered.
 * Both follow one rule: a delivery makes its session the most recently used, and when the first bytes of a 65th session
 * are delivered, the least recently used one is forgotten.
 */
import { assert } from "../base/assert.ts";
import type { SessionInput } from "../engine/epoch.ts";
import type { InputContent, InputSessionTable } from "./messages.ts";

export const INPUT_SESSIONS_MAX = 64;
/** Of one `ConsoleInput`. */
export const INPUT_BYTES_MAX = 4096;
/** Bytes that wait for the guest or for acks; more are refused. */
export const INPUT_BUFFER_BYTES = 64 * 1024;
/** The machine's console input ring: free at the VM's creation. */
export const INPUT_RING_BYTES = 64 * 1024;

export class InputSessions {
  private readonly table: Map<string, bigint>;

  constructor(table: InputSessionTable = new Map()) {
    this.table = new Map(table);
  }

  /** Offset of the next byte to deliver; undefined: the session is not known. */
  next(inputSession: string): bigint | undefined {
    return this.table.get(inputSession);
  }

  delivered(input: SessionInput): void {
    const next = this.table.get(input.inputSession);
    assert((next ?? 0n) === input.offset, () => `input session ${input.inputSession} goes on at ${next ?? 0n}, not at ${input.offset}`);
    if (next === undefined && this.table.size >= INPUT_SESSIONS_MAX) {
      for (const leastRecentlyUsed of this.table.keys()) {
        this.table.delete(leastRecentlyUsed);
        break;
      }
    }
    this.table.delete(input.inputSession);
    this.table.set(input.inputSession, endOf(input));
  }
}

/** Offset in its session after this. */
export function endOf(input: SessionInput): bigint {
  return input.offset + BigInt(lengthOf(input));
}

/** Of how many offsets of its session it is. */
export function lengthOf(input: SessionInput): number {
  return input.kind === "resize" ? 1 : input.bytes.length;
}

interface Chunk {
  readonly inputSession: string;
  readonly offset: bigint;
  readonly content: InputContent;
  /** In offsets of the session. */
  readonly length: number;
}

function chunkOf(inputSession: string, offset: bigint, content: InputContent): Chunk {
  return { inputSession, offset, content, length: content instanceof Uint8Array ? content.length : 1 };
}

/** What came of a device input: `next` is the offset that the client should go on with. */
export type InputVerdict =
  | { readonly kind: "buffered" }
  /** Nothing new: all of it was delivered or waits already. */
  | { readonly kind: "duplicate" }
  | { readonly kind: "refused"; readonly next: bigint; readonly code: "input_offset_gap" | "input_session_expired" | "input_buffer_full" };

export class InputBuffer {
  private chunks: Chunk[] = [];
  private waitingBytes = 0;
  /** Per session with bytes in the buffer: the offset after them. */
  private readonly tails = new Map<string, bigint>();

  constructor(readonly sessions: InputSessions) {}

  get empty(): boolean {
    return this.chunks.length === 0;
  }

  /** @param undurableBytes delivered bytes that are not acknowledged yet: they count against the buffer */
  offer(inputSession: string, offset: bigint, content: InputContent, undurableBytes: number): InputVerdict {
    const known = this.tails.get(inputSession) ?? this.sessions.next(inputSession);
    const next = known ?? 0n;
    if (offset > next) return { kind: "refused", next, code: known === undefined ? "input_session_expired" : "input_offset_gap" };
    const skip = next - offset;
    const whole = chunkOf(inputSession, offset, content);
    if (skip >= BigInt(whole.length)) return { kind: "duplicate" };
    const fresh = after(whole, Number(skip));
    if (this.waitingBytes + undurableBytes + fresh.length > INPUT_BUFFER_BYTES) return { kind: "refused", next, code: "input_buffer_full" };
    this.chunks.push(fresh);
    this.waitingBytes += fresh.length;
    this.tails.set(inputSession, next + BigInt(fresh.length));
    return { kind: "buffered" };
  }

  /**
   * Takes what the next epoch delivers, in order of arrival; the session table moves on as the machine's will.
   *
   * @param roomBytes what the machine can take now; the rest stays
   * @returns `expired`: sessions whose bytes waited while 64 others were used, refused instead of delivered
   */
  take(roomBytes: number): { readonly inputs: readonly SessionInput[]; readonly expired: readonly string[] } {
    const inputs: SessionInput[] = [];
    const expired = new Set<string>();
    const left: Chunk[] = [];
    let room = roomBytes;
    for (const chunk of this.chunks) {
      if (room === 0) {
        left.push(chunk);
        continue;
      }
      if ((this.sessions.next(chunk.inputSession) ?? 0n) !== chunk.offset) {
        assert(
          this.sessions.next(chunk.inputSession) === undefined,
          () => `bytes of input session ${chunk.inputSession} are delivered in order`,
        );
        expired.add(chunk.inputSession);
        continue;
      }
      const fits = Math.min(room, chunk.length);
      for (const input of inputsOf(chunk, fits)) {
        this.sessions.delivered(input);
        inputs.push(input);
      }
      room -= fits;
      if (fits < chunk.length) left.push(after(chunk, fits));
    }
    this.chunks = left;
    this.waitingBytes = 0;
    this.tails.clear();
    for (const { inputSession, offset, length } of left) {
      this.waitingBytes += length;
      this.tails.set(inputSession, offset + BigInt(length));
    }
    return { inputs, expired: [...expired] };
  }
}

/** What is left of a chunk without its first `skip` offsets, which are not all. */
function after(chunk: Chunk, skip: number): Chunk {
  if (skip === 0 || !(chunk.content instanceof Uint8Array)) return chunk;
  return chunkOf(chunk.inputSession, chunk.offset + BigInt(skip), chunk.content.subarray(skip));
}

/** The first `length` offsets of a chunk, as an epoch has them. */
function inputsOf({ inputSession, offset, content }: Chunk, length: number): readonly SessionInput[] {
  if (!(content instanceof Uint8Array)) return [{ kind: "resize", inputSession, offset, size: content }];
  const inputs: SessionInput[] = [];
  for (let at = 0; at < length; at += INPUT_BYTES_MAX) {
    const bytes = content.subarray(at, Math.min(at + INPUT_BYTES_MAX, length));
    inputs.push({ kind: "console", inputSession, offset: offset + BigInt(at), bytes });
  }
  return inputs;
}
