/** /v1/workers: the processes that host replicas: list, get, label, forget. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { deleteWorker } from "../db/queries/delete-worker.ts";
import { pageOfWorkers, readWorker } from "../db/queries/list-workers.ts";
import { patchWorker } from "../db/queries/patch-worker.ts";
import { type Json, mergePatch } from "../domain/merge-patch.ts";
import { presentWorker } from "../presenters/worker.ts";
import { PatchWorkerRequest, Worker, WorkerList } from "../schemas/worker.ts";
import { LabelSelectorQuery, readLabelSelector } from "./label-selector.ts";
import { readOrderedPageToken, writeOrderedPageToken } from "./page-token.ts";
import { PageQuery, WorkerPath } from "./parameters.ts";
import { MERGE_PATCH } from "./vm-patch.ts";

const tags = ["workers"];

export const workerRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/workers",
      schema: {
        operationId: "listWorkers",
        scope: "workers:read",
        summary: "List workers by name",
        tags,
        querystring: Type.Object({ ...PageQuery, ...LabelSelectorQuery }, { additionalProperties: false }),
        response: { 200: WorkerList },
        errors: ["bad_page_token", "validation_failed"],
      },
      handler: async (request) => {
        const { pageSize = 50, pageToken, labelSelector } = request.query;
        const after = readOrderedPageToken(pageToken, "name");
        const page = await pageOfWorkers(control.database.db, readLabelSelector(labelSelector), after?.key ?? null, pageSize);
        const next = page.next === null ? null : { key: page.next, id: "worker" };
        return {
          items: page.items.map((worker) => presentWorker(worker, control.live)),
          nextPageToken: writeOrderedPageToken(next, "name"),
        };
      },
    });

    app.route({
      method: "GET",
      url: "/v1/workers/:worker",
      schema: {
        operationId: "getWorker",
        scope: "workers:read",
        summary: "Get a worker",
        tags,
        params: WorkerPath,
        response: { 200: Worker },
        errors: ["worker_not_found"],
      },
      handler: async (request) => presentWorker(await readWorker(control.database.db, request.params.worker), control.live),
    });

    app.route({
      method: "PATCH",
      url: "/v1/workers/:worker",
      schema: {
        operationId: "updateWorker",
        scope: "workers:write",
        summary: "Change a worker's labels",
        description: "A JSON merge patch (RFC 7396). Its desired state is changed by cordon, uncordon, drain and fence.",
        tags,
        params: WorkerPath,
        body: PatchWorkerRequest,
        bodyMedia: [MERGE_PATCH, "application/json"],
        response: { 200: Worker },
        errors: ["malformed_json", "worker_not_found", "payload_too_large", "unsupported_media_type", "validation_failed"],
      },
      handler: async (request) => {
        const { worker } = await readWorker(control.database.db, request.params.worker);
        await control.database.transaction(
          (tx) =>
            patchWorker(tx, worker.id, ({ labels }) => {
              const { labels: after } = mergePatch({ labels }, request.body as Json) as { readonly labels?: Record<string, string> };
              return after ?? {};
            }),
          request.apiCall,
        );
        return presentWorker(await readWorker(control.database.db, worker.id), control.live);
      },
    });

    app.route({
      method: "DELETE",
      url: "/v1/workers/:worker",
      schema: {
        operationId: "deleteWorker",
        scope: "workers:write",
        summary: "Forget a worker that is gone",
        description: "It must hold nothing, and be lost or fenced. Answers with the worker as it was.",
        tags,
        params: WorkerPath,
        response: { 200: Worker },
        errors: ["worker_not_found", "worker_not_drained", "invalid_state"],
      },
      handler: async (request) => {
        const before = await readWorker(control.database.db, request.params.worker);
        await control.database.transaction((tx) => deleteWorker(tx, before.worker.id), request.apiCall);
        return presentWorker(before, control.live);
      },
    });
  };
