/** /v1/workers/{worker}/cordon, uncordon, drain and fence. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import type { Transaction } from "../db/database.ts";
import { readWorker } from "../db/queries/list-workers.ts";
import { orderWorker, type WorkerVerb } from "../db/queries/order-worker.ts";
import { Operation } from "../schemas/operation.ts";
import { DrainRequest, Worker } from "../schemas/worker.ts";
import { answerWithWorkerPreview } from "./dry-run.ts";
import { answerWithOperation, OPERATION_CALL_ERRORS, OperationHeaders } from "./operation-call.ts";
import { DryRunQuery, WaitQuery, WorkerPath } from "./parameters.ts";

interface Verb {
  readonly verb: WorkerVerb;
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
}

const VERBS: readonly Verb[] = [
  {
    verb: "cordon",
    operationId: "cordonWorker",
    summary: "Place nothing new on a worker",
    description: "What it holds stays. A drain that runs ends here.",
  },
  {
    verb: "uncordon",
    operationId: "uncordonWorker",
    summary: "Take a worker back into use",
    description: "Ends cordon, drain and fence.",
  },
  {
    verb: "drain",
    operationId: "drainWorker",
    summary: "Move everything off a worker",
    description:
      "Make before break: a backup elsewhere is synced before one here is dropped, and a primary hands over to a synced backup once its next backup has a place. " +
      "Without `force` it waits for that as long as it takes. The operation ends when the worker holds nothing.",
  },
  {
    verb: "fence",
    operationId: "fenceWorker",
    summary: "Cut a worker off",
    description:
      "Everything on it is told to end and counts as lost at once; the worker may not join again before it is uncordoned. Of a worker that cannot be " +
      "reached this says that its process is dead or cut off: a VM without a backup elsewhere is failed.",
  },
];

export const workerVerbRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const { verb, ...described } of VERBS) {
      app.route({
        method: "POST",
        url: `/v1/workers/:worker/${verb}`,
        schema: {
          ...described,
          tags: ["workers"],
          scope: "workers:write",
          params: WorkerPath,
          querystring: Type.Object({ ...WaitQuery, ...DryRunQuery }, { additionalProperties: false }),
          headers: OperationHeaders,
          ...(verb === "drain" ? { body: DrainRequest } : {}),
          response: { 200: Worker, 202: Operation },
          answerHeaders: { Location: "Path of the operation" },
          errors: [
            "worker_not_found",
            ...(verb === "cordon" || verb === "drain" ? (["invalid_state"] as const) : []),
            ...OPERATION_CALL_ERRORS,
          ],
        },
        handler: async (request, reply) => {
          const { worker } = await readWorker(control.database.db, request.params.worker);
          const { force = false } = (request.body ?? {}) as DrainRequest;
          const order = (tx: Transaction) => orderWorker(tx, { workerId: worker.id, verb, force });
          if (request.query.dryRun === true) return answerWithWorkerPreview(control, reply, worker.id, order);
          return answerWithOperation(control, request, reply, `POST /v1/workers/${worker.id}/${verb}`, order);
        },
      });
    }
  };
