/**
 * Byte readers and writers for the binary formats of the pure rooms.
 *
 * Integers are little endian unless the name says otherwise; `varint` is unsigned LEB128 of up to 64 bits.
 */
import { UnderstudyError } from "./errors.ts";

/** Grows as it is written. `take()` gives a copy that owns its buffer. */
export class ByteWriter {
  private buffer: Uint8Array;
  private view: DataView;
  private length = 0;

  constructor(initialBytes = 256) {
    this.buffer = new Uint8Array(initialBytes);
    this.view = new DataView(this.buffer.buffer);
  }

  get size(): number {
    return this.length;
  }

  /** Call it before `view` or `buffer` is looked at: growing replaces both. */
  private reserve(bytes: number): number {
    const at = this.length;
    const wanted = at + bytes;
    if (wanted > this.buffer.length) {
      let capacity = this.buffer.length;
      while (capacity < wanted) capacity *= 2;
      const grown = new Uint8Array(capacity);
      grown.set(this.buffer.subarray(0, at));
      this.buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    this.length = wanted;
    return at;
  }

  u8(value: number): this {
    const at = this.reserve(1);
    this.view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.reserve(2);
    this.view.setUint16(at, value, true);
    return this;
  }

  u32(value: number): this {
    const at = this.reserve(4);
    this.view.setUint32(at, value, true);
    return this;
  }

  u64(value: bigint): this {
    const at = this.reserve(8);
    this.view.setBigUint64(at, value, true);
    return this;
  }

  varint(value: bigint | number): this {
    let rest = BigInt(value);
    if (rest < 0n || rest > 0xffff_ffff_ffff_ffffn) throw new RangeError(`varint out of range: ${rest}`);
    while (rest >= 0x80n) {
      this.u8(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    return this.u8(Number(rest));
  }

  bytes(value: Uint8Array): this {
    const at = this.reserve(value.length);
    this.buffer.set(value, at);
    return this;
  }

  /** A length (varint) and the bytes. */
  blob(value: Uint8Array): this {
    return this.varint(value.length).bytes(value);
  }

  take(): Uint8Array {
    const out = this.buffer.slice(0, this.length);
    this.length = 0;
    return out;
  }
}

/** Reads what `ByteWriter` wrote. Running off the end is `malformed_message`, never undefined. */
export class ByteReader {
  private readonly view: DataView;
  private readonly buffer: Uint8Array;
  private at = 0;

  constructor(buffer: Uint8Array) {
    this.buffer = buffer;
    this.view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  get remaining(): number {
    return this.buffer.length - this.at;
  }

  private advance(bytes: number): number {
    if (bytes < 0 || bytes > this.remaining) {
      throw new UnderstudyError("malformed_message", `Cannot read ${bytes} bytes at ${this.at}: the message has ${this.buffer.length}`);
    }
    const at = this.at;
    this.at += bytes;
    return at;
  }

  u8(): number {
    return this.view.getUint8(this.advance(1));
  }

  u16(): number {
    return this.view.getUint16(this.advance(2), true);
  }

  u32(): number {
    return this.view.getUint32(this.advance(4), true);
  }

  u64(): bigint {
    return this.view.getBigUint64(this.advance(8), true);
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 64n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if ((byte & 0x80) === 0) {
        if (value > 0xffff_ffff_ffff_ffffn) break;
        return value;
      }
    }
    throw new UnderstudyError("malformed_message", `Cannot read a varint that ends at ${this.at}: it does not fit in 64 bits`);
  }

  /** A varint that must fit in a safe integer. */
  varnum(): number {
    const value = this.varint();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new UnderstudyError("malformed_message", `Cannot use ${value} as a count: it is over 2^53`);
    }
    return Number(value);
  }

  /** A view, not a copy: valid as long as the message's buffer is. */
  bytes(length: number): Uint8Array {
    const at = this.advance(length);
    return this.buffer.subarray(at, at + length);
  }

  blob(): Uint8Array {
    return this.bytes(this.varnum());
  }

  /** @throws {UnderstudyError} `malformed_message` if bytes are left over */
  end(): void {
    if (this.remaining !== 0) {
      throw new UnderstudyError("malformed_message", `Cannot accept a message with ${this.remaining} bytes left over`);
    }
  }
}
