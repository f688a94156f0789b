/** The Worker resource. */
import { type Static, Type } from "typebox";
import { WORKER_STATES } from "../domain/worker-state.ts";
import { orNull, Timestamp, words } from "./scalars.ts";

const WorkerState = words(WORKER_STATES, { $id: "WorkerState" });

export const Worker = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    status: Type.Object({
      state: WorkerState,
      host: Type.String(),
      zone: orNull(Type.String()),
      pid: Type.Integer(),
      incarnation: Type.String({ description: "New at each start of the worker's process" }),
      cores: Type.Integer(),
      memoryMiB: Type.Integer(),
      memoryPromisedMiB: Type.Integer({ description: "Memory of the replicas placed here" }),
      replicas: Type.Integer(),
      engine: Type.Object({ version: Type.String(), buildDigest: Type.String() }),
      nodeVersion: Type.String(),
      lastHeartbeatAt: orNull(Timestamp),
    }),
  },
  { $id: "Worker" },
);
export type Worker = Static<typeof Worker>;

export const WorkerList = Type.Object({ items: Type.Array(Worker) }, { $id: "WorkerList" });
