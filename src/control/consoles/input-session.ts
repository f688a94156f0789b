/**
 * Console input of one input session: what clients sent and no primary has acknowledged yet. It is bytes, and sizes of the
 * terminal, of which each takes one offset.
 *
 *      acked        forwarded       next
 *     ---[=============|==============)---   offsets in the session
 *         sent to the   waits for room
 *         primary
 *
 * Nothing leaves here before it is acknowledged, so that a new primary gets it again; the primary drops by offset what it
 * has. `unknown` until a primary has said where the session stands.
 */
import { CONSOLE_PAYLOAD_MAX, contentLength, type InputContent } from "../../wire/console-frames.ts";
import { AckDelays } from "./ack-delays.ts";

/** The primary's own buffer is small: more in flight would only be refused. */
const IN_FLIGHT_MAX = 16 * 1024;

/** Of what was acknowledged last: whether a backup has it too. */
export type Durability = "replicated" | "solo";

export type AcceptVerdict =
  | { readonly kind: "accepted" }
  | { readonly kind: "known" }
  | { readonly kind: "gap"; readonly expected: bigint };

export class InputSession {
  readonly id: string;
  readonly ackDelays = new AckDelays();
  /** The machine does not know it any more: nothing that is still to come will be acknowledged. */
  expired = false;
  private chunks: InputContent[] = [];
  private acked = 0n;
  private forwarded = 0n;
  private next = 0n;
  private known = false;
  private lastDurability: Durability = "solo";

  constructor(id: string) {
    this.id = id;
  }

  /** Everything below is with the primary for good. */
  get inputNext(): bigint {
    return this.acked;
  }

  /** Offset after the last byte that clients have sent. */
  get inputEnd(): bigint {
    return this.next;
  }

  get durability(): Durability {
    return this.lastDurability;
  }

  get unackedBytes(): number {
    return Number(this.next - this.acked);
  }

  /** A primary has said where the session stands since the last `disconnected`. */
  get isKnown(): boolean {
    return this.known;
  }

  /** Bytes or a size of a client. */
  accept(offset: bigint, content: InputContent): AcceptVerdict {
    if (offset > this.next) return { kind: "gap", expected: this.next };
    const end = offset + BigInt(contentLength(content));
    if (end <= this.next) return { kind: "known" };
    this.chunks.push(content instanceof Uint8Array ? new Uint8Array(content.subarray(Number(this.next - offset))) : content);
    this.next = end;
    return { kind: "accepted" };
  }

  /** The primary is another, or none: what it has of the session must be asked for. */
  disconnected(): void {
    this.known = false;
    this.forwarded = this.acked;
  }

  /**
   * The primary's answer to where the session stands.
   * @returns false where it stands below what was acknowledged before: it is no longer the same session
   */
  resume(inputNext: bigint, durability: Durability): boolean {
    if (inputNext < this.acked) return false;
    this.known = true;
    this.lastDurability = durability;
    this.advance(inputNext);
    this.forwarded = this.acked;
    return true;
  }

  /** @returns true if something new was acknowledged */
  acknowledge(inputNext: bigint, durability: Durability): boolean {
    if (inputNext <= this.acked) return false;
    this.lastDurability = durability;
    this.advance(inputNext);
    if (this.forwarded < this.acked) this.forwarded = this.acked;
    return true;
  }

  /** The primary refused bytes: everything from `inputNext` on is to be sent again. */
  rewind(inputNext: bigint): boolean {
    if (inputNext < this.acked) return false;
    this.advance(inputNext);
    this.forwarded = this.acked;
    return true;
  }

  /** Calls `send` for what may go to the primary now. */
  forward(send: (offset: bigint, content: InputContent) => void): void {
    if (!this.known) return;
    const limit = min(this.next, this.acked + BigInt(IN_FLIGHT_MAX));
    while (this.forwarded < limit) {
      const content = this.read(this.forwarded, Math.min(CONSOLE_PAYLOAD_MAX, Number(limit - this.forwarded)));
      send(this.forwarded, content);
      this.forwarded += BigInt(contentLength(content));
    }
  }

  /** The longest piece of one chunk from `offset` on. */
  private read(offset: bigint, maxBytes: number): InputContent {
    let at = this.acked;
    for (const chunk of this.chunks) {
      const end = at + BigInt(contentLength(chunk));
      if (offset < end) {
        const skip = Number(offset - at);
        return chunk instanceof Uint8Array ? chunk.subarray(skip, skip + maxBytes) : chunk;
      }
      at = end;
    }
    return new Uint8Array(0);
  }

  private advance(inputNext: bigint): void {
    // The primary may know more than this gateway: the client spoke through another one.
    if (inputNext >= this.next) {
      this.chunks = [];
      this.acked = inputNext;
      this.next = inputNext;
      return;
    }
    while (this.acked < inputNext) {
      const chunk = this.chunks[0] as InputContent;
      const length = contentLength(chunk);
      const take = Math.min(length, Number(inputNext - this.acked));
      if (take === length) this.chunks.shift();
      else this.chunks[0] = (chunk as Uint8Array).subarray(take);
      this.acked += BigInt(take);
    }
  }
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
