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
 * `0x12 INPUT` subscription(u32) inputSession(16 bytes) offset(u64) payload;
 * `0x13 RESIZE` subscription(u32) inputSession(16 bytes) offset(u64) cols(u16) rows(u16), 1..65535 each.
 */
import { UnderstudyError } from "../base/errors.ts";
import { bytesToUuid, uuidToBytes } from "../base/uuid.ts";
import type { TerminalSize } from "../engine/epoch.ts";
import type { InputContent } from "../hypervisor/messages.ts";

export type { InputContent, TerminalSize };

export const CONSOLE_PAYLOAD_MAX = 32 * 1024;

/** Of a terminal's columns and rows, each; the least is 1. */
export const TERMINAL_SIZE_MAX = 65_535;

/** Of how many offsets of its input session this is: a size takes one. */
export function contentLength(content: InputContent): number {
  return content instanceof Uint8Array ? content.length : 1;
}
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
      readonly content: InputContent;
    };

const TYPE_OUTPUT = 0x11;
const TYPE_INPUT = 0x12;
const TYPE_RESIZE = 0x13;

export function encodeControlConsoleFrame(frame: ControlConsoleFrame): Uint8Array {
  const header = frame.type === "output" ? 13 : 29;
  const payload = frame.type === "output" ? frame.bytes : frame.content instanceof Uint8Array ? frame.content : sizeBytes(frame.content);
  const out = new Uint8Array(header + payload.length);
  const view = new DataView(out.buffer);
  out[0] = frame.type === "output" ? TYPE_OUTPUT : frame.content instanceof Uint8Array ? TYPE_INPUT : TYPE_RESIZE;
  view.setUint32(1, frame.subscription);
  if (frame.type === "input") out.set(uuidToBytes(frame.inputSession), 5);
  view.setBigUint64(header - 8, frame.offset);
  out.set(payload, header);
  return out;
}

function sizeBytes({ cols, rows }: TerminalSize): Uint8Array {
  return Uint8Array.of(cols >> 8, cols & 0xff, rows >> 8, rows & 0xff);
}

/** @throws {UnderstudyError} `bad_frame` */
function readSize(bytes: Uint8Array): TerminalSize {
  if (bytes.length !== 4) throw badFrame(`a size has 4 bytes, this one ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 4);
  const [cols, rows] = [view.getUint16(0), view.getUint16(2)];
  if (cols === 0 || rows === 0) throw badFrame(`a terminal has no ${cols} columns and ${rows} rows`);
  return { cols, rows };
}

/** @throws {UnderstudyError} `bad_frame` */
export function decodeControlConsoleFrame(data: Uint8Array): ControlConsoleFrame {
  const header = data[0] === TYPE_OUTPUT ? 13 : data[0] === TYPE_INPUT || data[0] === TYPE_RESIZE ? 29 : 0;
  if (header === 0 || data.length < header) throw badFrame(`its type is ${data[0]} and it has ${data.length} bytes`);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const subscription = view.getUint32(1);
  const offset = view.getBigUint64(header - 8);
  const bytes = data.subarray(header);
  if (header === 13) return { type: "output", subscription, offset, bytes };
  const content = data[0] === TYPE_RESIZE ? readSize(bytes) : bytes;
  return { type: "input", subscription, inputSession: bytesToUuid(data.subarray(5, 21)), offset, content };
}
