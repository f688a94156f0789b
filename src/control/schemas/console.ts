/**
 * Text frames of the console WebSocket, subprotocol `understudy.console.v1`. Binary frames are in `wire/console-frames.ts`.
 * They are in the OpenAPI document as components, so that clients generate their types too.
 */
import { type Static, Type } from "typebox";
import { orNull, U64, words } from "./scalars.ts";
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

const Pong = Type.Object({ type: Type.Literal("pong") });

export const ConsoleServerMessage = Type.Union([Hello, Gap, Ack, TermChanged, StateChanged, ProtectionChanged, Writer, Pong], {
  $id: "ConsoleServerMessage",
});
export type ConsoleServerMessage = Static<typeof ConsoleServerMessage>;

export const ConsoleClientMessage = Type.Union(
  [
    Type.Object({ type: Type.Literal("request_write"), inputSession: Type.Optional(Type.String()) }),
    Type.Object({ type: Type.Literal("release_write") }),
    Type.Object({ type: Type.Literal("ping") }),
    Type.Object({ type: Type.Literal("pong") }),
  ],
  { $id: "ConsoleClientMessage" },
);
export type ConsoleClientMessage = Static<typeof ConsoleClientMessage>;
