/**
 * What the two subprotocols of a console make of a socket's frames.
 *
 * `understudy.console.v1`: text frames are messages, binary frames bytes with their offset; its client says what it has consumed.
 * `understudy.console.raw`: bytes alone, for websocat and for terminals in a page. Output is the bytes that follow each other from
 * `from` on; input is typed at the end of what its session has typed. It has no words for a gap or for a demotion: its connection ends
 * there instead, with a code that says so.
 */
import { UnderstudyError } from "../../base/errors.ts";
import { decodeConsoleFrame, encodeConsoleFrame, type InputContent, TERMINAL_SIZE_MAX } from "../../wire/console-frames.ts";
import { CONSOLE_RAW, CONSOLE_V1, type ConsoleSubprotocol } from "../domain/console-subprotocols.ts";
import type { ConsoleClientMessage, ConsoleServerMessage } from "../schemas/console.ts";

interface ConsoleClose {
  readonly code: number;
  readonly reason: string;
}

/** What a client sent. */
type ConsoleReceipt =
  | { readonly kind: "message"; readonly message: Exclude<ConsoleClientMessage, { type: "resize" }> }
  | { readonly kind: "ack"; readonly offset: bigint; readonly window: number }
  /** `offset` null: at the end of what was typed before. */
  | { readonly kind: "input"; readonly offset: bigint | null; readonly content: InputContent };

export interface ConsoleFraming {
  readonly subprotocol: ConsoleSubprotocol;
  /** Its client acknowledges output; false: what the socket takes counts as consumed. */
  readonly acknowledges: boolean;
  output(term: number, offset: bigint, bytes: Uint8Array): Uint8Array;
  /** @returns the text frame; or how the connection ends, where it has no words for this; null: nothing is sent */
  message(message: ConsoleServerMessage): string | ConsoleClose | null;
  /** @throws {UnderstudyError} `bad_frame` */
  receive(data: Buffer, isBinary: boolean): ConsoleReceipt;
}

const V1_FRAMING: ConsoleFraming = {
  subprotocol: CONSOLE_V1,
  acknowledges: true,
  output: (term, offset, bytes) => encodeConsoleFrame({ type: "out", term, offset, bytes }),
  message: (message) => JSON.stringify(message),
  receive(data, isBinary) {
    if (!isBinary) {
      const message = parseMessage(data.toString("utf8"));
      if (message.type !== "resize") return { kind: "message", message };
      const { cols, rows, offset } = message;
      return { kind: "input", offset: offset === undefined ? null : BigInt(offset), content: { cols, rows } };
    }
    const frame = decodeConsoleFrame(data);
    switch (frame.type) {
      case "out":
        throw new UnderstudyError("bad_frame", "Cannot take an OUT frame: only the service sends them");
      case "in":
        return { kind: "input", offset: frame.offset, content: frame.bytes };
      case "ack":
        return { kind: "ack", offset: frame.offset, window: frame.window };
    }
  },
};

const RAW_FRAMING: ConsoleFraming = {
  subprotocol: CONSOLE_RAW,
  acknowledges: false,
  output: (_term, _offset, bytes) => bytes,
  message(message) {
    if (message.type === "gap") {
      const { requested, resumedAt } = message;
      return { code: 4408, reason: `slow consumer: bytes ${requested} to ${resumedAt} are no longer held` };
    }
    if (message.type === "writer" && message.change === "demoted" && message.writer !== null)
      return { code: 4409, reason: `console_writer_busy: session ${message.writer} has taken the right to write` };
    return null;
  },
  receive: (data) => ({ kind: "input", offset: null, content: data }),
};

export function framingOf(subprotocol: ConsoleSubprotocol): ConsoleFraming {
  return subprotocol === CONSOLE_RAW ? RAW_FRAMING : V1_FRAMING;
}

const U64_MAX = 0xffff_ffff_ffff_ffffn;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @throws {UnderstudyError} `bad_frame` */
function parseMessage(text: string): ConsoleClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UnderstudyError("bad_frame", "Cannot read the text frame: it is not JSON");
  }
  const { type, inputSession, offset, cols, rows } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  switch (type) {
    case "ping":
    case "pong":
    case "release_write":
      return { type };
    case "request_write":
      if (inputSession === undefined) return { type };
      if (typeof inputSession !== "string" || !UUID.test(inputSession)) {
        throw new UnderstudyError("bad_frame", "Cannot take request_write: inputSession is not a lower-case UUID");
      }
      return { type, inputSession };
    case "resize":
      if (!isLength(cols) || !isLength(rows))
        throw new UnderstudyError("bad_frame", `Cannot take resize: cols and rows are whole numbers of 1 to ${TERMINAL_SIZE_MAX}`);
      if (offset === undefined) return { type, cols, rows };
      if (typeof offset !== "string" || !/^(0|[1-9][0-9]{0,19})$/.test(offset) || BigInt(offset) > U64_MAX)
        throw new UnderstudyError("bad_frame", "Cannot take resize: offset is not an unsigned 64-bit number as a decimal string");
      return { type, cols, rows, offset };
    default:
      throw new UnderstudyError("bad_frame", `Cannot read the text frame: its type is ${JSON.stringify(type)?.slice(0, 40)}`);
  }
}

function isLength(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= TERMINAL_SIZE_MAX;
}
