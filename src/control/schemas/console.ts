/**
 * Text frames of the console WebSocket, subprotocol `understudy.console.v1`. Binary frames are in `wire/console-frames.ts`.
 * They are in the OpenAPI document as components, so that clients generate their types too.
 */
import { type Static, Type } from "typebox";
import { CONSOLE_SUBPROTOCOLS } from "../domain/console-subprotocols.ts";
import { patterned } from "./patterned.ts";
import { orNull, Timestamp, U64, words } from "./scalars.ts";
import { ProtectionReason, ProtectionState, VmState } from "./vm.ts";

const Durability = words(["replicated", "solo"] as const, { description: "replicated: the backup has it; solo: the VM runs alone" });

/** First message on every console. */
const Hello = Type.Object({
  type: Type.Literal("hello"),
  vmId: Type.String(),
  sessionId: Type.String({ description: "This attachment, as `writer` names it" }),
  mode: words(["read", "write"] as const),
  state: VmState,
  term: Type.Integer(),
  outOldest: U64,
  outEnd: U64,
  from: U64,
  inputSession: orNull(Type.String({ description: "UUID; null where mode is read" })),
  inputNext: U64,
  writer: orNull(Type.String({ description: "Session that may write" })),
  window: Type.Integer({ description: "Unacknowledged bytes that are sent at most, until an ACK says otherwise" }),
  heartbeatMs: Type.Integer(),
});

const Gap = Type.Object({ type: Type.Literal("gap"), requested: U64, resumedAt: U64, reason: words(["trimmed"] as const) });

const Ack = Type.Object({ type: Type.Literal("ack"), inputSession: Type.String(), inputNext: U64, durability: Durability });

const TermChanged = Type.Object({
  type: Type.Literal("term"),
  term: Type.Integer(),
  epoch: Type.Integer({ description: "The same number as `term`" }),
  cause: Type.String(),
  outOffset: U64,
  inputNext: orNull(U64),
  gapMs: orNull(Type.Number()),
});

const StateChanged = Type.Object({ type: Type.Literal("state"), state: VmState, reason: orNull(Type.String()) });

const ProtectionChanged = Type.Object({ type: Type.Literal("protection"), state: ProtectionState, reason: orNull(ProtectionReason) });

const Writer = Type.Object({
  type: Type.Literal("writer"),
  change: words(["granted", "demoted", "refused", "changed"] as const, { description: "What it means to the receiver" }),
  writer: orNull(Type.String({ description: "Session that may write now" })),
  by: orNull(Type.String({ description: "Session that caused it" })),
  inputSession: Type.Optional(Type.String({ description: "granted: the input session to write in" })),
  inputNext: Type.Optional(U64),
});

/** Besides the WebSocket's own, for pages, which do not see that one. */
const Ping = Type.Object({ type: Type.Literal("ping") });
const Pong = Type.Object({ type: Type.Literal("pong") });

export const ConsoleServerMessage = Type.Union([Hello, Gap, Ack, TermChanged, StateChanged, ProtectionChanged, Writer, Ping, Pong], {
  $id: "ConsoleServerMessage",
});
export type ConsoleServerMessage = Static<typeof ConsoleServerMessage>;

export const ConsoleClientMessage = Type.Union(
  [
    Type.Object({ type: Type.Literal("request_write"), inputSession: Type.Optional(Type.String()) }),
    Type.Object({ type: Type.Literal("release_write") }),
    Type.Object(
      {
        type: Type.Literal("resize"),
        cols: Type.Integer({ minimum: 1, maximum: 65_535 }),
        rows: Type.Integer({ minimum: 1, maximum: 65_535 }),
        offset: Type.Optional({
          ...U64,
          description: "In the input session, of which it takes this one; where it is left out, what comes after all that was typed",
        }),
      },
      {
        description:
          "Of the session that may write: the size of its terminal. It is input of the guest, in its place among the bytes, and acknowledged as " +
          "they are. A program on the guest's hvc0 is told (SIGWINCH); a serial port, ttyS0, has the size that the guest gives it, as ours does",
      },
    ),
    Type.Object({ type: Type.Literal("ping") }),
    Type.Object({ type: Type.Literal("pong") }),
  ],
  { $id: "ConsoleClientMessage" },
);
export type ConsoleClientMessage = Static<typeof ConsoleClientMessage>;

export const ConsoleMode = words(["read", "write"] as const, { description: "write: also with the right to type, which one session has" });

export const From = patterned("^(start|end|tail:(0|[1-9][0-9]{0,9})|0|[1-9][0-9]{0,18})$", "start, end, tail:BYTES or an offset", {
  description: "Offset in the VM's output, `start` (the oldest that is held), `end`, or `tail:<bytes>`",
});

export const InputSessionId = patterned("^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$", "a UUID in lower case", {
  description: "UUID of the input session to open or resume",
});

export const ConsoleTicketRequest = Type.Object(
  { mode: Type.Optional(words(["read", "write"] as const, { description: "read where it is left out" })) },
  { $id: "ConsoleTicketRequest", additionalProperties: false, default: {} },
);
export type ConsoleTicketRequest = Static<typeof ConsoleTicketRequest>;

export const ConsoleTicket = Type.Object(
  {
    ticket: Type.String({
      description: "Good for one attachment to this VM's console, as `?ticket=`; it is not kept, and never shown again",
    }),
    vmId: Type.String(),
    mode: words(["read", "write"] as const),
    expiresAt: Timestamp,
  },
  { $id: "ConsoleTicket" },
);
export type ConsoleTicket = Static<typeof ConsoleTicket>;

/** Bytes of decoded `data` in one call, at most. */
const CONSOLE_INPUT_MAX = 48 * 1024;

export const ConsoleInputRequest = Type.Object(
  {
    inputSession: InputSessionId,
    offset: U64,
    data: patterned("^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$", "base64", {
      minLength: 4,
      maxLength: (CONSOLE_INPUT_MAX / 3) * 4,
      description: "What is typed, in base64",
    }),
  },
  { $id: "ConsoleInputRequest", additionalProperties: false },
);
export type ConsoleInputRequest = Static<typeof ConsoleInputRequest>;

export const ConsoleInputAck = Type.Object(
  { inputSession: Type.String(), inputNext: U64, durability: Durability },
  { $id: "ConsoleInputAck" },
);
export type ConsoleInputAck = Static<typeof ConsoleInputAck>;

export const ConsoleSession = Type.Object(
  {
    id: Type.String({ description: "As `hello`, `writer` and `status.console.writer` name it" }),
    vmId: Type.String(),
    mode: words(["read", "write"] as const, { description: "As it attached; `writer` says whether it may write now" }),
    writer: Type.Boolean({ description: "It has the right to write" }),
    subprotocol: words(CONSOLE_SUBPROTOCOLS),
    inputSession: orNull(Type.String()),
    tokenId: Type.String({ description: "Token by which it attached" }),
    position: { ...U64, description: "Everything below has been sent to it, within the credit that it gave" },
    lagBytes: Type.Integer({ description: "How far it is behind the end of the output, when it was last looked at" }),
    attachedAt: Timestamp,
  },
  { $id: "ConsoleSession" },
);
export type ConsoleSession = Static<typeof ConsoleSession>;

export const ConsoleSessionList = Type.Object({ items: Type.Array(ConsoleSession) }, { $id: "ConsoleSessionList" });
