/** /v1/vms: create, list, get, delete, and what belongs to one VM: wait, failover, failovers, replicas. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { createVm } from "../db/queries/create-vm.ts";
import { deleteVm } from "../db/queries/delete-vm.ts";
import { runIdempotently } from "../db/queries/idempotency.ts";
import { listFailovers } from "../db/queries/list-failovers.ts";
import { listVms } from "../db/queries/list-vms.ts";
import { loadVm, readLivingVm, readVmRow } from "../db/queries/read-vm.ts";
import { requestFailover } from "../db/queries/request-failover.ts";
import type { StoredVmSpec, VmRow } from "../db/schema.ts";
import { MINIMUM_MEMORY_MIB } from "../domain/machine-limits.ts";
import { isReached, WAIT_TARGETS, whyUnreachable } from "../domain/wait-target.ts";
import { ApiError, invalidField } from "../errors/api-error.ts";
import { presentFailover } from "../presenters/failover.ts";
import { presentOperation } from "../presenters/operation.ts";
import { presentReplica, presentVm } from "../presenters/vm.ts";
import { Operation } from "../schemas/operation.ts";
import { words } from "../schemas/scalars.ts";
import { CreateVmRequest, FailoverList, FailoverRequest, ReplicaList, Vm, VmList, WaitAnswer } from "../schemas/vm.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { waitForOperation } from "./operations.ts";
import { readPageToken, writePageToken } from "./page-token.ts";
import { IdempotencyHeader, IfMatchHeader, PageQuery, VmPath, WaitQuery } from "./parameters.ts";

const tags = ["vms"];

export const vmRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "POST",
      url: "/v1/vms",
      schema: {
        operationId: "createVm",
        summary: "Create a VM",
        description: "The VM is there at once, in `provisioning`; `/wait` says when it runs and when it is protected.",
        tags,
        headers: Type.Object(IdempotencyHeader),
        body: CreateVmRequest,
        response: { 201: Vm },
        answerHeaders: { Location: "Path of the VM", "Operation-Id": "The operation that brings it up", ETag: "Generation of its spec" },
        errors: [
          "malformed_json",
          "bad_idempotency_key",
          "image_not_found",
          "name_taken",
          "idempotency_in_progress",
          "payload_too_large",
          "unsupported_media_type",
          "validation_failed",
          "idempotency_key_reused",
        ],
      },
      handler: async (request, reply) => {
        const { name, labels, spec } = request.body;
        const image = await control.images.resolve(spec.image);
        const memoryMiB = spec.machine?.memoryMiB ?? Math.max(128, image.manifest.minMemoryMiB);
        if (memoryMiB < image.manifest.minMemoryMiB) {
          const floor = Math.max(MINIMUM_MEMORY_MIB, image.manifest.minMemoryMiB);
          throw invalidField("/spec/machine/memoryMiB", "too_small", `this kernel needs at least ${floor} MiB`);
        }
        const stored: StoredVmSpec = {
          image: `${image.name}@${image.digest}`,
          machine: { vcpus: spec.machine?.vcpus ?? 1, memoryMiB },
          cmdline: spec.cmdline ?? image.manifest.cmdline,
          protection: { mode: spec.protection?.mode ?? "lockstep" },
        };
        const call = {
          principal: request.principal,
          route: "POST /v1/vms",
          key: readIdempotencyKey(request.headers["idempotency-key"]),
          body: request.body,
        };
        const answer = await runIdempotently(control.database, call, async (tx) => {
          const row = await createVm(tx, {
            name: name ?? null,
            labels: labels ?? {},
            imageId: image.id,
            spec: stored,
            requestId: request.id,
          });
          return {
            status: 201,
            headers: { location: `/v1/vms/${row.id}`, "operation-id": row.operationId ?? "", etag: etagOf(row) },
            body: presentVm({ vm: row, replicas: [], lastFailover: null }, control.live),
          };
        });
        control.reconciler.kick();
        if (answer.replayed) reply.header("Idempotency-Replayed", "true");
        return reply
          .code(201)
          .headers(answer.headers)
          .send(answer.body as Vm);
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms",
      schema: {
        operationId: "listVms",
        summary: "List VMs, oldest first",
        description: "`resourceVersion` is the event number at which the list is true: watch `/v1/events?after=` from there.",
        tags,
        querystring: Type.Object(
          {
            ...PageQuery,
            state: Type.Optional(Type.String({ description: "Only VMs in this state; deleted ones only if asked for" })),
            protection: Type.Optional(Type.String({ description: "Only VMs whose protection is in this state" })),
            name: Type.Optional(Type.String()),
          },
          { additionalProperties: false },
        ),
        response: { 200: VmList },
        errors: ["bad_page_token", "validation_failed"],
      },
      handler: async (request) => {
        const { pageSize = 50, pageToken, ...filter } = request.query;
        const page = await listVms(control.database, filter, readPageToken(pageToken), pageSize);
        return {
          items: page.items.map((vm) => presentVm(vm, control.live)),
          nextPageToken: writePageToken(page.next),
          resourceVersion: page.resourceVersion.toString(),
        };
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms/:vm",
      schema: {
        operationId: "getVm",
        summary: "Get a VM",
        tags,
        params: VmPath,
        response: { 200: Vm },
        answerHeaders: { ETag: "Generation of its spec" },
        errors: ["vm_not_found", "vm_deleted"],
      },
      handler: async (request, reply) => {
        const loaded = await readLivingVm(control.database.db, request.params.vm);
        return reply.header("ETag", etagOf(loaded.vm)).send(presentVm(loaded, control.live));
      },
    });

    app.route({
      method: "DELETE",
      url: "/v1/vms/:vm",
      schema: {
        operationId: "deleteVm",
        summary: "Kill and delete a VM",
        description: "At once, also where its workers are gone. A second call answers 200 with the operation of the first.",
        tags,
        params: VmPath,
        querystring: Type.Object(WaitQuery, { additionalProperties: false }),
        headers: Type.Object(IfMatchHeader),
        response: { 200: Operation, 202: Operation },
        errors: ["vm_not_found", "etag_mismatch", "validation_failed"],
      },
      handler: async (request, reply) => {
        const row = await readVmRow(control.database.db, request.params.vm);
        const { operation, first } = await control.database.transaction((tx) =>
          deleteVm(tx, row.id, request.id, (vm) => checkEtag(request.headers["if-match"], vm)),
        );
        control.reconciler.kick();
        const ended = await waitForOperation(control, operation.id, request.query.wait ?? 0, request.signal);
        return reply.code(first ? 202 : 200).send(presentOperation(ended));
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms/:vm/wait",
      schema: {
        operationId: "waitForVm",
        summary: "Wait until a VM is in a state",
        description: "`reached` is false when the time is up; 409 at once where the VM cannot get there by itself.",
        tags,
        params: VmPath,
        querystring: Type.Object(
          {
            for: words(WAIT_TARGETS),
            timeout: Type.Optional(Type.Integer({ minimum: 0, maximum: 60, default: 30, description: "Seconds" })),
          },
          { additionalProperties: false },
        ),
        response: { 200: WaitAnswer },
        errors: ["vm_not_found", "wait_target_unreachable", "validation_failed"],
      },
      handler: async (request) => {
        const { for: target, timeout = 30 } = request.query;
        const deadline = Date.now() + timeout * 1000;
        const { id } = await readVmRow(control.database.db, request.params.vm);
        for (;;) {
          // Before the row is read: what is committed from here on wakes the wait below.
          const news = control.feed.next(Math.min(1000, Math.max(0, deadline - Date.now())), request.signal);
          const vm = await readVmRow(control.database.db, id);
          const facts = { state: vm.state, protection: vm.protectionState, mode: vm.spec.protection.mode };
          const reached = isReached(target, facts);
          const unreachable = whyUnreachable(target, facts);
          if (unreachable !== null) {
            throw new ApiError("wait_target_unreachable", `Cannot wait for "${target}": ${unreachable}`, {
              details: { currentState: vm.state },
            });
          }
          if (reached || Date.now() >= deadline || request.signal.aborted || control.stopping.aborted) {
            return { reached, vm: presentVm(await loadVm(control.database.db, vm), control.live) };
          }
          await news;
        }
      },
    });

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

    app.route({
      method: "GET",
      url: "/v1/vms/:vm/replicas",
      schema: {
        operationId: "listReplicas",
        summary: "List the replicas of a VM",
        tags,
        params: VmPath,
        response: { 200: ReplicaList },
        errors: ["vm_not_found", "vm_deleted"],
      },
      handler: async (request) => {
        const loaded = await readLivingVm(control.database.db, request.params.vm);
        return { items: loaded.replicas.map((replica) => presentReplica(replica, control.live)) };
      },
    });
  };

function etagOf(vm: VmRow): string {
  return `"g${vm.generation}"`;
}

function checkEtag(ifMatch: string | undefined, vm: VmRow): void {
  if (ifMatch === undefined || ifMatch === "*" || ifMatch === etagOf(vm)) return;
  throw new ApiError("etag_mismatch", `Cannot change the VM: its spec is at ${etagOf(vm)}, If-Match says ${ifMatch}`);
}
