/** /v1/vms: create, list, get, delete, and the replicas of one VM. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import type { Transaction } from "../db/database.ts";
import { beginOperation } from "../db/queries/begin-operation.ts";
import { createVm } from "../db/queries/create-vm.ts";
import { deleteVm } from "../db/queries/delete-vm.ts";
import { recordedAnswer, runIdempotently } from "../db/queries/idempotency.ts";
import { listVms, VM_ORDERS } from "../db/queries/list-vms.ts";
import { readWorker } from "../db/queries/list-workers.ts";
import { claimQuotas } from "../db/queries/quotas.ts";
import { findVmRow, loadVm, readLivingVm, readVmRow } from "../db/queries/read-vm.ts";
import { USER_ACTION } from "../domain/events.ts";
import { PROTECTION_STATES } from "../domain/protection.ts";
import { VM_STATES } from "../domain/vm-state.ts";
import { presentOperation } from "../presenters/operation.ts";
import { presentReplica, presentVm } from "../presenters/vm.ts";
import { previewPlacement } from "../reconcile/preview-placement.ts";
import { EXAMPLES } from "../schemas/examples.ts";
import { Operation } from "../schemas/operation.ts";
import { words } from "../schemas/scalars.ts";
import { CreateVmRequest, ReplicaList, Vm, VmList } from "../schemas/vm.ts";
import { afterOperation, answerWithPreview } from "./dry-run.ts";
import { checkEtag, etagOf } from "./etag.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { LabelSelectorQuery, readLabelSelector } from "./label-selector.ts";
import { readOrderedPageToken, writeOrderedPageToken } from "./page-token.ts";
import { DryRunQuery, IdempotencyHeader, IfMatchHeader, PageQuery, VmPath, WaitQuery } from "./parameters.ts";
import { fillSpec } from "./vm-spec.ts";
import { waitForOperation } from "./wait-for-operation.ts";

const tags = ["vms"];

export const vmRoutes =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "POST",
      url: "/v1/vms",
      schema: {
        operationId: "createVm",
        scope: "vms:write",
        summary: "Create a VM",
        description:
          "The VM is there at once, in `provisioning`; `/wait` says when it runs and when it is protected. With `wait` the answer comes when its " +
          "operation has ended, and has the VM as it is then. With `dryRun` the answer has the replicas " +
          "where they would be placed now, with ids that are good for nothing; where one has no place, `status.stateReason` (of the primary) or " +
          "`status.protection.reason` (of a backup) says why: `no_capacity` or `engine_mismatch`.",
        tags,
        querystring: Type.Object({ ...WaitQuery, ...DryRunQuery }, { additionalProperties: false }),
        headers: Type.Object(IdempotencyHeader),
        body: CreateVmRequest,
        response: { 200: Vm, 201: Vm },
        answerHeaders: { Location: "Path of the VM", "Operation-Id": "The operation that brings it up", ETag: "Generation of its spec" },
        errors: [
          "malformed_json",
          "bad_idempotency_key",
          "image_not_found",
          "image_store_error",
          "name_taken",
          "quota_exceeded",
          "idempotency_in_progress",
          "payload_too_large",
          "unsupported_media_type",
          "validation_failed",
          "idempotency_key_reused",
        ],
      },
      handler: async (request, reply) => {
        const { name, labels, spec } = request.body;
        const call = {
          apiCall: request.apiCall,
          route: "POST /v1/vms",
          key: readIdempotencyKey(request.headers["idempotency-key"]),
          body: request.body,
        };
        const prepare = async () => {
          const image = await control.images.resolve(spec.image);
          const stored = fillSpec(spec, image, control.config.maxLagMs);
          return async (tx: Transaction) => {
            await claimQuotas(tx, control.config, { vms: 1, memory_mib: stored.machine.memoryMiB });
            return createVm(tx, {
              name: name ?? null,
              labels: labels ?? {},
              imageId: image.id,
              spec: stored,
              desiredState: spec.desiredState ?? "running",
            });
          };
        };
        if (request.query.dryRun === true) {
          const options = { workers: control.workers, settings: control.config };
          const create = await prepare();
          return answerWithPreview(control, reply, async (tx) => previewPlacement(options, tx, (await create(tx)).vm));
        }
        const createOnce = async () => {
          const create = await prepare();
          return runIdempotently(control.database, call, async (tx) => {
            const { vm: row, operationId } = await create(tx);
            return {
              status: 201,
              headers: { location: `/v1/vms/${row.id}`, "operation-id": operationId, etag: etagOf(row) },
              body: presentVm({ vm: row, replicas: [], lastFailover: null }, control.live),
            };
          });
        };
        const answer = await createOnce().catch(async (error: unknown) => {
          // Asked again, the answer is the same, though the image's name may mean nothing now.
          const recorded = await recordedAnswer(control.database, call);
          if (recorded === null) throw error;
          return { ...recorded, replayed: true };
        });
        control.reconciler.kick();
        if (answer.replayed) reply.header("Idempotency-Replayed", "true");
        reply.code(201).headers(answer.headers);
        const { wait = 0 } = request.query;
        const created = answer.body as Vm;
        if (wait === 0 || created.status.operationId === null) return reply.send(created);
        await waitForOperation(control, created.status.operationId, wait, request.signal);
        return reply.send(presentVm(await loadVm(control.database.db, await readVmRow(control.database.db, created.id)), control.live));
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms",
      schema: {
        operationId: "listVms",
        scope: "vms:read",
        summary: "List VMs",
        description: "`resourceVersion` is the event number at which the list is true: watch `/v1/events?after=` from there.",
        tags,
        querystring: Type.Object(
          {
            ...PageQuery,
            orderBy: Type.Optional(
              words(VM_ORDERS, {
                default: "createdAt",
                description: "VMs without a name come first by `name`. A page token is good for its order",
              }),
            ),
            state: Type.Optional(words(VM_STATES, { description: "Only VMs in this state; deleted ones only if asked for" })),
            protection: Type.Optional(words(PROTECTION_STATES, { description: "Only VMs whose protection is in this state" })),
            name: Type.Optional(Type.String()),
            worker: Type.Optional(
              Type.String({ minLength: 1, maxLength: 80, description: "Only VMs with a replica on this worker, by id or name" }),
            ),
            zone: Type.Optional(Type.String({ minLength: 1, maxLength: 80, description: "Only VMs with a replica in this zone" })),
            ...LabelSelectorQuery,
          },
          { additionalProperties: false },
        ),
        response: { 200: VmList },
        errors: ["bad_page_token", "worker_not_found", "validation_failed"],
      },
      handler: async (request) => {
        const { pageSize = 50, pageToken, orderBy: order = "createdAt", labelSelector, worker, ...rest } = request.query;
        const filter = {
          ...rest,
          labels: readLabelSelector(labelSelector),
          ...(worker === undefined ? {} : { workerId: (await readWorker(control.database.db, worker)).worker.id }),
        };
        const page = await listVms(control.database, filter, { order, after: readOrderedPageToken(pageToken, order), pageSize });
        return {
          items: page.items.map((vm) => presentVm(vm, control.live)),
          nextPageToken: writeOrderedPageToken(page.next, order),
          resourceVersion: page.resourceVersion.toString(),
        };
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms/:vm",
      schema: {
        operationId: "getVm",
        scope: "vms:read",
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
        scope: "vms:delete",
        summary: "Kill and delete a VM",
        description:
          "At once, also where its workers are gone. A second call by its id answers 200 with the operation of the first. Where `spec.deletionProtection` " +
          "is true it is refused, and so is the dry run: a PATCH takes that off first.",
        tags,
        params: VmPath,
        querystring: Type.Object(
          {
            ...WaitQuery,
            ...DryRunQuery,
            allowMissing: Type.Optional(
              Type.Boolean({
                default: false,
                description:
                  "Where there is no such VM: 200 with an operation of nothing that has succeeded. Not with `dryRun`, which has no VM to show",
              }),
            ),
          },
          { additionalProperties: false },
        ),
        headers: Type.Object(IfMatchHeader),
        response: {
          200: Type.Union([Operation, Vm], {
            description: "The operation of the first call; with `dryRun` the VM as it would be",
            examples: [EXAMPLES.Operation],
          }),
          202: Operation,
        },
        errors: ["vm_not_found", "deletion_protected", "etag_mismatch", "validation_failed"],
      },
      handler: async (request, reply) => {
        const { dryRun, allowMissing, wait } = request.query;
        const found = await findVmRow(control.database.db, request.params.vm);
        if (found === null && allowMissing === true && dryRun !== true) {
          const nothing = await control.database.transaction(
            (tx) => beginOperation(tx, { kind: "vm.delete", done: true }),
            request.apiCall,
          );
          return reply.code(200).send(presentOperation(nothing));
        }
        const row = found ?? (await readVmRow(control.database.db, request.params.vm));
        const remove = (tx: Transaction) => deleteVm(tx, row.id, USER_ACTION, (vm) => checkEtag(request.headers["if-match"], vm));
        if (dryRun === true) return answerWithPreview(control, reply, (tx) => afterOperation(tx, async () => (await remove(tx)).operation));
        const { operation, first } = await control.database.transaction(remove, request.apiCall);
        control.reconciler.kick();
        const ended = await waitForOperation(control, operation.id, wait ?? 0, request.signal);
        return reply.code(first ? 202 : 200).send(presentOperation(ended));
      },
    });

    app.route({
      method: "GET",
      url: "/v1/vms/:vm/replicas",
      schema: {
        operationId: "listReplicas",
        scope: "vms:read",
        summary: "List the replicas of a VM",
        tags,
        params: VmPath,
        response: { 200: ReplicaList },
        errors: ["vm_not_found", "vm_deleted"],
      },
      handler: async (request) => {
        const loaded = await readLivingVm(control.database.db, request.params.vm);
        return { items: loaded.replicas.map((replica) => presentReplica(replica, loaded.vm, control.live)) };
      },
    });
  };
