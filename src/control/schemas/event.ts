/** Events: what happened, in the order in which it was committed. */
import { type Static, Type } from "typebox";
import { EVENT_TYPES } from "../domain/events.ts";
import { orNull, Timestamp, U64, words } from "./scalars.ts";

const EventType = words(EVENT_TYPES, { $id: "EventType" });

export const Event = Type.Object(
  {
    seq: U64,
    id: Type.String(),
    type: EventType,
    time: Timestamp,
    project: Type.String(),
    vmId: orNull(Type.String()),
    term: orNull(Type.Integer()),
    cause: orNull(Type.String()),
    actor: Type.Object({ type: words(["system", "user", "worker"] as const), id: Type.Optional(Type.String()) }),
    operationId: orNull(Type.String()),
    requestId: orNull(Type.String()),
    data: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: "Event" },
);
export type Event = Static<typeof Event>;

export const EventPage = Type.Object({ items: Type.Array(Event), nextAfter: U64 }, { $id: "EventPage" });
