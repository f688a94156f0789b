/**
 * Binary console frames: the public socket's (`understudy.console.v1`) and the control channel's.
 *
 * Public, 16-byte big-endian header, then at most 32 KiB of payload:
 *
 *      0      1       2..3        4..7            8..15
 *      type   flags   stream(0)   term (low 32)   offset (u64)
 *
 * `0x01 OUT` server -> client, offset of payload[0] in the VM's output since creation.
 * `0x02 IN` client -> server, offset of payload[0] in this input session.
 * `0x03 ACK` client -> server, everything below offset has been consumed; payload = u32 window bytes.
 *
 * Control channel, big endian: `0x11 OUTPUT` subscription(u32) offset(u64) payload;
 * `0x12 INPUT` subscription(u32) inputSession(16 bytes) offset(u64) payload.
 */
import { UnderstudyError } from "../base/errors.ts";
import { bytesToUuid, uuidToBytes } from "../base/uuid.ts";

export const CONSOLE_PAYLOAD_MAX = 32 * 1024;
const HEADER = 16;

export type ConsoleFrame =
  | { readonly type: "out"; readonly term: number; readonly offset: bigint; readonly bytes: Uint8Array }
  | { readonly type: "in"; readonly offset: bigint; readonly bytes: Uint8Array }
  | { readonly type: "ack"; readonly offset: bigint; readonly window: number };

const TYPE_OUT = 0x01;
const TYPE_IN = 0x02;
const TYPE_ACK = 0x03;

export function encodeConsoleFrame(frame: ConsoleFrame): Uint8Array {
  const payload = frame.type === "ack" ? 4 : frame.bytes.length;
  const out = new Uint8Array(HEADER + payload);
  const view = new DataView(out.buffer);
  view.setBigUint64(8, frame.offset);
  switch (frame.type) {
    case "out":
      out[0] = TYPE_OUT;
      view.setUint32(4, frame.term);
      out.set(frame.bytes, HEADER);
      break;
    case "in":
      out[0] = TYPE_IN;
      out.set(frame.bytes, HEADER);
      break;
    case "ack":
      out[0] = TYPE_ACK;
      view.setUint32(HEADER, frame.window);
      break;
  }
  return out;
}

/** @throws {UnderstudyError} `bad_frame` for anything that is not exactly one frame */
export function decodeConsoleFrame(data: Uint8Array): ConsoleFrame {
  if (data.length < HEADER) throw badFrame(`it has ${data.length} bytes, the header alone has ${HEADER}`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data[1] !== 0) throw badFrame(`flags are ${data[1]}, none are defined`);
  if (view.getUint16(2) !== 0) throw badFrame(`stream is ${view.getUint16(2)}, only 0 exists`);
  const offset = view.getBigUint64(8);
  const bytes = data.subarray(HEADER);
  if (bytes.length > CONSOLE_PAYLOAD_MAX) throw badFrame(`the payload has ${bytes.length} bytes, ${CONSOLE_PAYLOAD_MAX} are allowed`);
  switch (data[0]) {
    case TYPE_OUT:
      return { type: "out", term: view.getUint32(4), offset, bytes };
    case TYPE_IN:
      if (bytes.length === 0) throw badFrame("an IN frame needs a payload");
      return { type: "in", offset, bytes };
    case TYPE_ACK:
      if (bytes.length !== 4) throw badFrame(`an ACK payload has 4 bytes, this one ${bytes.length}`);
      return { type: "ack", offset, window: view.getUint32(HEADER) };
    default:
      throw badFrame(`its type is ${data[0]}`);
  }
}

function badFrame(what: string): UnderstudyError {
  return new UnderstudyError("bad_frame", `Cannot read the console frame: ${what}`);
}

export type ControlConsoleFrame =
  | { readonly type: "output"; readonly subscription: number; readonly offset: bigint; readonly bytes: Uint8Array }
  | {
      readonly type: "input";
      readonly subscription: number;
      readonly inputSession: string;
      readonly offset: bigint;
      readonly bytes: Uint8Array;
    };

const TYPE_OUTPUT = 0x11;
const TYPE_INPUT = 0x12;

export function encodeControlConsoleFrame(frame: ControlConsoleFrame): Uint8Array {
  const header = frame.type === "output" ? 13 : 29;
  const out = new Uint8Array(header + frame.bytes.length);
  const view = new DataView(out.buffer);
  out[0] = frame.type === "output" ? TYPE_OUTPUT : TYPE_INPUT;
  view.setUint32(1, frame.subscription);
  if (frame.type === "input") out.set(uuidToBytes(frame.inputSession), 5);
  view.setBigUint64(header - 8, frame.offset);
  out.set(frame.bytes, header);
  return out;
}

export function decodeControlConsoleFrame(data: Uint8Array): ControlConsoleFrame {
  const header = data[0] === TYPE_OUTPUT ? 13 : data[0] === TYPE_INPUT ? 29 : 0;
  if (header === 0 || data.length < header) throw badFrame(`its type is ${data[0]} and it has ${data.length} bytes`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const subscription = view.getUint32(1);
  const offset = view.getBigUint64(header - 8);
  const bytes = data.subarray(header);
  return header === 13
    ? { type: "output", subscription, offset, bytes }
    : { type: "input", subscription, inputSession: bytesToUuid(data.subarray(5, 21)), offset, bytes };
}
