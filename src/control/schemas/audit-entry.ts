/** The audit log: who asked for what, from where, and what came of it. */
import { type Static, Type } from "typebox";
import { orNull, Timestamp, words } from "./scalars.ts";

export const AuditEntry = Type.Object(
  {
    id: Type.String(),
    requestId: Type.String(),
    actor: orNull(Type.Object({ tokenId: Type.String(), tokenName: Type.String() }, { description: "Null: no token that was good" })),
    method: Type.String(),
    route: Type.String({ description: "Such as `/v1/vms/{vm}`" }),
    operation: Type.String({ description: "Its `operationId` in this contract" }),
    resource: Type.String({ description: "The path that was asked for" }),
    sourceAddress: Type.String(),
    startedAt: Timestamp,
    completedAt: Timestamp,
    outcome: words(["succeeded", "refused", "failed", "unknown"] as const, {
      description:
        "By the status: below 400, below 500, above. `unknown`: there was no answer, since the caller went away or the control plane was lost",
    }),
    status: orNull(Type.Integer({ description: "HTTP status of the answer; null: there was none" })),
    code: orNull(Type.String({ description: "Code of the problem that was answered with" })),
    durationMs: orNull(Type.Number({ description: "Up to the answer, or up to the beginning of a stream or console" })),
  },
  { $id: "AuditEntry" },
);
export type AuditEntry = Static<typeof AuditEntry>;

export const AuditEntryList = Type.Object(
  { items: Type.Array(AuditEntry), nextPageToken: orNull(Type.String()) },
  { $id: "AuditEntryList" },
);
