/** /v1/workers: the processes that host replicas. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { listWorkers, readWorker } from "../db/queries/list-workers.ts";
import { presentWorker } from "../presenters/worker.ts";
import { Worker, WorkerList } from "../schemas/worker.ts";

const tags = ["workers"];

export const workerRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/workers",
      schema: { operationId: "listWorkers", summary: "List workers by name", tags, response: { 200: WorkerList } },
      handler: async () => ({ items: (await listWorkers(control.database.db)).map((worker) => presentWorker(worker, control.live)) }),
    });

    app.route({
      method: "GET",
      url: "/v1/workers/:worker",
      schema: {
        operationId: "getWorker",
        summary: "Get a worker",
        tags,
        params: Type.Object({ worker: Type.String({ description: "Id or name" }) }),
        response: { 200: Worker },
        errors: ["worker_not_found"],
      },
      handler: async (request) => presentWorker(await readWorker(control.database.db, request.params.worker), control.live),
    });
  };
