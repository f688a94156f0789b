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
    cause: orNull(
      Type.String({
        description: "`user_action`, or a reason such as `worker_lost`; null only in events of an older version of the service",
      }),
    ),
    actor: Type.Object(
      {
        type: words(["system", "user", "worker"] as const),
        id: Type.Optional(Type.String({ description: "Of the token that the user showed, or of the worker" })),
        name: Type.Optional(Type.String()),
      },
      { description: "Who brought it about" },
    ),
    operationId: orNull(Type.String()),
    requestId: orNull(Type.String({ description: "Of the call that it is from, or that set its operation going" })),
    data: Type.Record(Type.String(), Type.Unknown()),
  },
  { $id: "Event" },
);
export type Event = Static<typeof Event>;

export const EventPage = Type.Object({ items: Type.Array(Event), nextAfter: U64 }, { $id: "EventPage" });
