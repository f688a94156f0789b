/** The Operation resource: what a call set going, and how it ended. */
import { type Static, Type } from "typebox";
import { OPERATION_KINDS } from "../domain/operations.ts";
import { Problem } from "./problem.ts";
import { orNull, Timestamp, words } from "./scalars.ts";

export const OperationState = words(["pending", "running", "succeeded", "failed", "cancelled"] as const, { $id: "OperationState" });

export const Operation = Type.Object(
  {
    id: Type.String(),
    kind: words(OPERATION_KINDS),
    state: OperationState,
    vmId: orNull(Type.String()),
    workerId: orNull(Type.String()),
    result: orNull(Type.Record(Type.String(), Type.Unknown(), { description: "vm.failover: the Failover" })),
    error: orNull(Problem),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    completedAt: orNull(Timestamp),
  },
  { $id: "Operation" },
);
export type Operation = Static<typeof Operation>;

export const OperationList = Type.Object({ items: Type.Array(Operation), nextPageToken: orNull(Type.String()) }, { $id: "OperationList" });
