/** /v1/operations: what calls set going: list, get or wait for one, take one back. Those that have ended are kept for 30 days. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { requireScope } from "../authenticator.ts";
import type { ControlPlane } from "../control-plane.ts";
import { listOperations } from "../db/queries/list-operations.ts";
import { readWorker } from "../db/queries/list-workers.ts";
import { readOperation } from "../db/queries/read-operation.ts";
import { readVmRow } from "../db/queries/read-vm.ts";
import { requestCancel } from "../db/queries/request-cancel.ts";
import { OPERATION_KINDS } from "../domain/operations.ts";
import { presentOperation } from "../presenters/operation.ts";
import { Operation, OperationList, OperationState } from "../schemas/operation.ts";
import { words } from "../schemas/scalars.ts";
import { answerWithOperation, OPERATION_CALL_ERRORS } from "./operation-call.ts";
import { readPageToken, writePageToken } from "./page-token.ts";
import { IdempotencyHeader, PageQuery, WaitQuery } from "./parameters.ts";
import { waitForOperation } from "./wait-for-operation.ts";

const OperationPath = Type.Object({
  operation: Type.String({ minLength: 1, maxLength: 80, description: "Id", examples: ["op_01KJM6Z1Y2X3W4V5T6S7R8Q9P0"] }),
});

export const operationRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/operations",
      schema: {
        operationId: "listOperations",
        scope: "vms:read",
        summary: "List operations, newest first",
        tags: ["operations"],
        querystring: Type.Object(
          {
            ...PageQuery,
            state: Type.Optional(OperationState),
            kind: Type.Optional(words(OPERATION_KINDS)),
            vm: Type.Optional(Type.String({ minLength: 1, maxLength: 80, description: "Id or name of a VM" })),
            worker: Type.Optional(Type.String({ minLength: 1, maxLength: 80, description: "Id or name of a worker" })),
          },
          { additionalProperties: false },
        ),
        response: { 200: OperationList },
        errors: ["bad_page_token", "vm_not_found", "worker_not_found", "validation_failed"],
      },
      handler: async (request) => {
        const { pageSize = 50, pageToken, state, kind, vm, worker } = request.query;
        const { db } = control.database;
        const filter = {
          state,
          kind,
          vmId: vm === undefined ? undefined : (await readVmRow(db, vm)).id,
          workerId: worker === undefined ? undefined : (await readWorker(db, worker)).worker.id,
        };
        const page = await listOperations(db, filter, readPageToken(pageToken), pageSize);
        return { items: page.items.map(presentOperation), nextPageToken: writePageToken(page.next) };
      },
    });

    app.route({
      method: "POST",
      url: "/v1/operations/:operation/cancel",
      schema: {
        operationId: "cancelOperation",
        scope: "vms:write",
        summary: "Take an operation back",
        description:
          "Where that is still possible: a drain, a failover that is not decided, a stop whose guest is waited for, a pause or resumption, and the start of a VM for which " +
          "no worker is found yet. What was wanted before is wanted again; a drained worker stays cordoned, a VM that was to start is stopped. " +
          "A worker's operation needs the scope `workers:write` too, a failover `failover:write`.",
        tags: ["operations"],
        params: OperationPath,
        headers: Type.Object(IdempotencyHeader),
        response: { 202: Operation },
        answerHeaders: { Location: "Path of the operation" },
        errors: ["operation_not_found", "invalid_state", ...OPERATION_CALL_ERRORS],
      },
      handler: async (request, reply) => {
        const { id, kind, workerId } = await readOperation(control.database.db, request.params.operation);
        if (workerId !== null) requireScope(request, "workers:write");
        if (kind === "vm.failover") requireScope(request, "failover:write");
        return answerWithOperation(control, request, reply, `POST /v1/operations/${id}/cancel`, (tx) => requestCancel(tx, id));
      },
    });

    app.route({
      method: "GET",
      url: "/v1/operations/:operation",
      schema: {
        operationId: "getOperation",
        scope: "vms:read",
        summary: "Get an operation, or wait for its end",
        tags: ["operations"],
        params: OperationPath,
        querystring: Type.Object(WaitQuery, { additionalProperties: false }),
        response: { 200: Operation },
        errors: ["operation_not_found", "validation_failed"],
      },
      handler: async (request) => {
        const operation = await readOperation(control.database.db, request.params.operation);
        return presentOperation(await waitForOperation(control, operation.id, request.query.wait ?? 0, request.signal));
      },
    });
  };
