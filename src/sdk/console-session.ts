/**
 * The exactly-once bookkeeping of one attached console, without a socket or a clock.
 *
 * Output: `next` is the offset of the first byte that this reader has not got. A frame that begins below it is cut, a frame
 * that begins above it is a hole (the caller drops the connection and asks again from `next`), and a gap that the service
 * declares moves `next`.
 *
 * Input, offsets in this input session:
 *
 *      0 ......... acked ......... sent ......... end
 *        the backup    on its way     not sent
 *        has these
 *
 * Input is bytes, and sizes of the terminal, of which each takes one offset. What is between `acked` and `end` is kept. A new connection or a new primary sets `sent` back to `acked`: what the service
 * had already is dropped by it, by offset, so sending twice is harmless and sending too little is not.
 */
import { assert } from "../base/assert.ts";
import { CONSOLE_PAYLOAD_MAX, contentLength, type InputContent } from "../wire/console-frames.ts";

export type Durability = "replicated" | "solo";

export interface WriteReceipt {
  /** `replicated`: the backup has the bytes. `solo`: the VM runs without a backup, only the primary has them. */
  readonly durability: Durability;
  /** Offset in the input session behind the write, or the resize. */
  readonly inputNext: bigint;
}

export type OutputVerdict =
  | { readonly kind: "data"; readonly offset: bigint; readonly data: Uint8Array }
  /** Everything in it was known. */
  | { readonly kind: "known" }
  | { readonly kind: "hole"; readonly expected: bigint };

interface PendingWrite {
  readonly end: bigint;
  readonly resolve: (receipt: WriteReceipt) => void;
  readonly reject: (error: unknown) => void;
}

export class ConsoleSession {
  /** Null until the service has said where the stream begins. */
  next: bigint | null = null;
  private acked = 0n;
  private sent = 0n;
  private known = false;
  /** From `acked` on, in order. */
  private unacked: InputContent[] = [];
  private unackedBytes = 0;
  private writes: PendingWrite[] = [];

  get inputEnd(): bigint {
    return this.acked + BigInt(this.unackedBytes);
  }

  get inputAcked(): bigint {
    return this.acked;
  }

  /** True while bytes wait for the service's word. */
  get hasUnackedInput(): boolean {
    return this.unackedBytes > 0;
  }

  /** The first `hello` says where the stream begins; a later one changes nothing, since frames and gaps carry offsets. */
  startOutput(from: bigint): void {
    this.next ??= from;
  }

  acceptOutput(offset: bigint, bytes: Uint8Array): OutputVerdict {
    assert(this.next !== null, "hello comes before output");
    if (offset > this.next) return { kind: "hole", expected: this.next };
    const skip = Number(this.next - offset);
    if (skip >= bytes.length) return { kind: "known" };
    const verdict = { kind: "data", offset: this.next, data: copyOf(bytes.subarray(skip)) } as const;
    this.next = offset + BigInt(bytes.length);
    return verdict;
  }

  /** @returns false where the gap lies below what is known, so that nothing is lost */
  acceptGap(resumedAt: bigint): boolean {
    assert(this.next !== null, "hello comes before a gap");
    if (resumedAt <= this.next) return false;
    this.next = resumedAt;
    return true;
  }

  /**
   * A connection, or a new primary, begins: everything unacknowledged is to be sent (again).
   *
   * @param inputNext the service's next expected offset
   * @returns false where the service has forgotten acknowledged bytes, or knows more than were ever written
   */
  restartInput(inputNext: bigint): boolean {
    if (!this.known) {
      assert(this.unackedBytes === 0, "nothing is written before the first hello");
      this.known = true;
      this.acked = inputNext;
    }
    this.sent = this.acked;
    return inputNext >= this.acked && inputNext <= this.inputEnd;
  }

  /** @returns a promise of the acknowledgement of all of `content` */
  write(content: InputContent): Promise<WriteReceipt> {
    assert(contentLength(content) > 0, "a write has bytes");
    this.unacked.push(content instanceof Uint8Array ? copyOf(content) : content);
    this.unackedBytes += contentLength(content);
    return new Promise((resolve, reject) => this.writes.push({ end: this.inputEnd, resolve, reject }));
  }

  /**
   * The next piece to send, marked as sent.
   *
   * @param inFlightBytes bound on bytes that are sent and not acknowledged
   */
  takeInput(inFlightBytes: number): { offset: bigint; content: InputContent } | null {
    const from = Number(this.sent - this.acked);
    const length = Math.min(this.unackedBytes - from, inFlightBytes - from, CONSOLE_PAYLOAD_MAX);
    if (length <= 0) return null;
    const bytes = new Uint8Array(length);
    let at = 0;
    let start = 0;
    let size: InputContent | null = null;
    for (const piece of this.unacked) {
      const low = Math.max(0, from - start);
      start += contentLength(piece);
      if (from >= start) continue;
      if (!(piece instanceof Uint8Array)) {
        // What comes before it goes first, in a piece of its own.
        if (at === 0) size = piece;
        break;
      }
      const part = piece.subarray(low, low + length - at);
      bytes.set(part, at);
      at += part.length;
      if (at === length) break;
    }
    const offset = this.sent;
    const content = size ?? bytes.subarray(0, at);
    this.sent += BigInt(contentLength(content));
    return { offset, content };
  }

  /** @returns false where the service acknowledges bytes that were never written */
  acknowledge(inputNext: bigint, durability: Durability): boolean {
    if (inputNext > this.inputEnd) return false;
    if (inputNext <= this.acked) return true;
    let drop = Number(inputNext - this.acked);
    this.unackedBytes -= drop;
    while (drop > 0) {
      const first = this.unacked[0];
      assert(first !== undefined, "acknowledged bytes are held");
      if (first instanceof Uint8Array && first.length > drop) {
        this.unacked[0] = first.subarray(drop);
        drop = 0;
      } else {
        drop -= contentLength(first);
        this.unacked.shift();
      }
    }
    this.acked = inputNext;
    if (this.sent < this.acked) this.sent = this.acked;
    while (this.writes[0] !== undefined && this.writes[0].end <= this.acked) {
      const write = this.writes.shift();
      write?.resolve({ durability, inputNext: write.end });
    }
    return true;
  }

  /** Ends the input: writes that wait are refused with `error`. */
  failWrites(error: unknown): void {
    const writes = this.writes;
    this.writes = [];
    this.unacked = [];
    this.acked += BigInt(this.unackedBytes);
    this.sent = this.acked;
    this.unackedBytes = 0;
    for (const write of writes) write.reject(error);
  }
}

/** Not `slice`: that of Node's Buffer shares the memory. */
function copyOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
