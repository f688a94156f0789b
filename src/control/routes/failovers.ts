/** /v1/vms/{vm}/failover and /failovers: makes the backup take over, and tells what came of it. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { runIdempotently } from "../db/queries/idempotency.ts";
import { listFailovers } from "../db/queries/list-failovers.ts";
import { readLivingVm, readVmRow } from "../db/queries/read-vm.ts";
import { requestFailover } from "../db/queries/request-failover.ts";
import { presentFailover } from "../presenters/failover.ts";
import { presentOperation } from "../presenters/operation.ts";
import { Operation } from "../schemas/operation.ts";
import { FailoverList, FailoverRequest } from "../schemas/vm.ts";
import { checkEtag } from "./etag.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { waitForOperation } from "./operations.ts";
import { readPageToken, writePageToken } from "./page-token.ts";
import { IdempotencyHeader, IfMatchHeader, PageQuery, VmPath, WaitQuery } from "./parameters.ts";

const tags = ["vms"];

export const failoverRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "POST",
      url: "/v1/vms/:vm/failover",
      schema: {
        operationId: "failOverVm",
        summary: "Make the backup take over",
        description: "The operation's result is the Failover, with the gap that was measured.",
        tags,
        params: VmPath,
        querystring: Type.Object(WaitQuery, { additionalProperties: false }),
        headers: Type.Object({ ...IdempotencyHeader, ...IfMatchHeader }),
        body: FailoverRequest,
        response: { 202: Operation },
        answerHeaders: { Location: "Path of the operation" },
        errors: [
          "malformed_json",
          "bad_idempotency_key",
          "vm_not_found",
          "vm_deleted",
          "not_protected",
          "term_mismatch",
          "operation_in_progress",
          "idempotency_in_progress",
          "etag_mismatch",
          "payload_too_large",
          "unsupported_media_type",
          "validation_failed",
          "idempotency_key_reused",
        ],
      },
      handler: async (request, reply) => {
        const { vm } = await readLivingVm(control.database.db, request.params.vm);
        checkEtag(request.headers["if-match"], vm);
        const call = {
          principal: request.principal,
          route: `POST /v1/vms/${vm.id}/failover`,
          key: readIdempotencyKey(request.headers["idempotency-key"]),
          body: request.body,
        };
        const answer = await runIdempotently(control.database, call, async (tx) => {
          const operation = await requestFailover(tx, {
            vmId: vm.id,
            mode: request.body.mode,
            expectedTerm: request.body.expectedTerm ?? null,
            requestId: request.id,
            reachable: (replicaId) => control.workers.isReachable(replicaId),
          });
          return { status: 202, headers: { location: `/v1/operations/${operation.id}` }, body: presentOperation(operation) };
        });
        control.reconciler.kick();
        if (answer.replayed) reply.header("Idempotency-Replayed", "true");
        const operation = await waitForOperation(control, (answer.body as Operation).id, request.query.wait ?? 0, request.signal);
        return reply.code(202).headers(answer.headers).send(presentOperation(operation));
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms/:vm/failovers",
      schema: {
        operationId: "listFailovers",
        summary: "List the failovers of a VM, newest first",
        tags,
        params: VmPath,
        querystring: Type.Object(PageQuery, { additionalProperties: false }),
        response: { 200: FailoverList },
        errors: ["vm_not_found", "bad_page_token", "validation_failed"],
      },
      handler: async (request) => {
        const { pageSize = 50, pageToken } = request.query;
        const vm = await readVmRow(control.database.db, request.params.vm);
        const page = await listFailovers(control.database.db, vm.id, readPageToken(pageToken), pageSize);
        return { items: page.items.map(presentFailover), nextPageToken: writePageToken(page.next) };
      },
    });
  };
