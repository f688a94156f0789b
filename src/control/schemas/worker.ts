/** The Worker resource. */
import { type Static, Type } from "typebox";
import { DESIRED_WORKER_STATES, WORKER_STATES } from "../domain/worker-state.ts";
import { Labels, LabelsPatch, orNull, Timestamp, words } from "./scalars.ts";

const WorkerState = words(WORKER_STATES, { $id: "WorkerState" });

const WorkerCondition = Type.Object(
  {
    type: words(["Ready", "Schedulable", "ArbiterReachable"] as const),
    status: words(["True", "False", "Unknown"] as const),
    reason: Type.String(),
    message: Type.String(),
    lastTransitionTime: { ...Timestamp, description: "When the worker came into its state. RFC 3339, UTC" },
  },
  { $id: "WorkerCondition", description: "In Kubernetes' shape; what is wanted of a worker has no generation that could be observed" },
);
export type WorkerCondition = Static<typeof WorkerCondition>;

export const Worker = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    labels: Labels,
    createdAt: Timestamp,
    updatedAt: Timestamp,
    spec: Type.Object({
      desiredState: words(DESIRED_WORKER_STATES, { description: "Changed by cordon, uncordon, drain and fence" }),
    }),
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
      operationId: orNull(Type.String({ description: "The drain that runs" })),
      conditions: Type.Array(WorkerCondition),
    }),
  },
  { $id: "Worker" },
);
export type Worker = Static<typeof Worker>;

export const WorkerList = Type.Object({ items: Type.Array(Worker), nextPageToken: orNull(Type.String()) }, { $id: "WorkerList" });

/** A merge patch: what is left out stays, null takes a label away. */
export const PatchWorkerRequest = Type.Object(
  { labels: Type.Optional(orNull(LabelsPatch)) },
  { $id: "PatchWorkerRequest", additionalProperties: false },
);
export type PatchWorkerRequest = Static<typeof PatchWorkerRequest>;

export const DrainRequest = Type.Object(
  { force: Type.Optional(Type.Boolean({ description: "Do not wait until every VM can stay protected" })) },
  { $id: "DrainRequest", additionalProperties: false, default: {} },
);
export type DrainRequest = Static<typeof DrainRequest>;
