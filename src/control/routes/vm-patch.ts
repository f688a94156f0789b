/** PATCH /v1/vms/{vm}: changes name, labels and spec by a JSON merge patch. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { requireScope } from "../authenticator.ts";
import type { ControlPlane } from "../control-plane.ts";
import type { Transaction } from "../db/database.ts";
import { type ImageRow, readImage } from "../db/queries/images.ts";
import { orderVm } from "../db/queries/order-vm.ts";
import { patchVm, type VmChange } from "../db/queries/patch-vm.ts";
import { loadVm, readLivingVm, readVmRow } from "../db/queries/read-vm.ts";
import type { VmRow } from "../db/schema.ts";
import { changedPointers, type Json, mergePatch } from "../domain/merge-patch.ts";
import { protectionWanted } from "../domain/protection.ts";
import { fixedIn, STATES_WITHOUT_GUEST } from "../domain/spec-change.ts";
import { verbTowards } from "../domain/vm-verb.ts";
import { ApiError } from "../errors/api-error.ts";
import { presentVm } from "../presenters/vm.ts";
import { PatchVmRequest, STOP_GRACE_MS, Vm, type VmSpecRequest } from "../schemas/vm.ts";
import { answerWithPreview } from "./dry-run.ts";
import { checkEtag, etagOf } from "./etag.ts";
import { DryRunQuery, IfMatchHeader, VmPath } from "./parameters.ts";
import { ADDED_DEFAULTS, fillSpec } from "./vm-spec.ts";

export const MERGE_PATCH = "application/merge-patch+json";

export const vmPatchRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "PATCH",
      url: "/v1/vms/:vm",
      schema: {
        operationId: "updateVm",
        scope: "vms:write",
        summary: "Change a VM's name, labels or spec",
        description:
          "A JSON merge patch (RFC 7396). What the guest was started from (`image`, `machine`, `cmdline`) can change only while there is no guest. " +
          "A `desiredState` sets the operation going that the verb would; `status.operationId` names it. The generation, and with it the ETag, " +
          "counts changes of the spec. A `ttlSeconds` needs the scope `vms:delete` too.",
        tags: ["vms"],
        params: VmPath,
        querystring: Type.Object(DryRunQuery, { additionalProperties: false }),
        headers: Type.Object(IfMatchHeader),
        body: PatchVmRequest,
        bodyMedia: [MERGE_PATCH, "application/json"],
        response: { 200: Vm },
        answerHeaders: { ETag: "Generation of its spec" },
        errors: [
          "malformed_json",
          "vm_not_found",
          "image_not_found",
          "image_store_error",
          "vm_deleted",
          "invalid_state",
          "name_taken",
          "operation_in_progress",
          "quota_exceeded",
          "etag_mismatch",
          "payload_too_large",
          "unsupported_media_type",
          "validation_failed",
        ],
      },
      handler: async (request, reply) => {
        const { body, query } = request;
        // Whoever says when a VM is deleted deletes it.
        if (typeof body.spec?.ttlSeconds === "number") requireScope(request, "vms:delete");
        const before = await readLivingVm(control.database.db, request.params.vm);
        const given = body.spec?.image === undefined ? null : await control.images.resolve(body.spec.image);
        const own = await readImage(control.database.db, before.vm.imageId);
        const decide = (vm: VmRow): VmChange => {
          checkEtag(request.headers["if-match"], vm);
          return decideChange(vm, body, given ?? (own as ImageRow), control.config.maxLagMs);
        };
        const desired = body.spec?.desiredState;
        const patch = async (tx: Transaction): Promise<VmRow> => {
          const vm = await patchVm(tx, before.vm.id, decide, control.config);
          const verb = desired === undefined ? null : verbTowards(desired, vm);
          if (verb === null) return vm;
          // What it was checked against has been checked, and its row is locked.
          await orderVm(tx, { vmId: vm.id, verb, graceMs: STOP_GRACE_MS }, () => undefined);
          return readVmRow(tx.db, vm.id);
        };
        if (query.dryRun === true) return answerWithPreview(control, reply, async (tx) => loadVm(tx.db, await patch(tx)));
        const vm = await control.database.transaction(patch, request.apiCall);
        control.reconciler.kick();
        return reply.header("ETag", etagOf(vm)).send(presentVm(await loadVm(control.database.db, vm), control.live));
      },
    });
  };

/** @throws {ApiError} `vm_deleted`, `invalid_state`, `validation_failed` */
function decideChange(vm: VmRow, patch: PatchVmRequest, image: ImageRow, defaultMaxLagMs: number): VmChange {
  if (vm.desiredState === "deleted") throw new ApiError("vm_deleted", `Cannot change the VM "${vm.id}": it is ${vm.state}`);
  const wanted = mergePatch({ labels: vm.labels, spec: vm.spec as unknown as Json }, patch as Json) as unknown as {
    readonly labels?: Record<string, string>;
    readonly spec: VmSpecRequest;
  };
  const after = {
    name: patch.name === undefined ? vm.name : patch.name,
    labels: wanted.labels ?? {},
    spec: fillSpec({ ...wanted.spec, protection: protectionAfter(wanted.spec.protection, patch) }, image, defaultMaxLagMs),
  };
  const before = { name: vm.name, labels: vm.labels, spec: { ...ADDED_DEFAULTS, ...vm.spec } };
  const changed = changedPointers(before as unknown as Json, after as unknown as Json);
  const fixed = fixedIn(vm.state, changed);
  if (fixed.length > 0) {
    throw new ApiError("invalid_state", `Cannot change ${fixed.join(", ")}: the VM is ${vm.state}, and its guest was started from that`, {
      details: {
        currentState: vm.state,
        allowedStates: [...STATES_WITHOUT_GUEST],
        errors: fixed.map((pointer) => ({
          pointer,
          code: "fixed",
          message: `it can change only while the VM is ${STATES_WITHOUT_GUEST.join(" or ")}`,
        })),
      },
    });
  }
  return { ...after, imageId: image.id, changed };
}

/** Of mode and number of backups, what the patch names decides where the other would contradict it. */
function protectionAfter(merged: VmSpecRequest["protection"], patch: PatchVmRequest): NonNullable<VmSpecRequest["protection"]> {
  if (merged === undefined || protectionWanted(merged) !== null) return merged ?? {};
  const named = patch.spec?.protection;
  const { mode, backups, ...rest } = merged;
  if (named?.mode == null && named?.backups != null) return { ...rest, backups: named.backups };
  if (named?.mode != null && named?.backups == null) return { ...rest, mode: named.mode };
  return merged;
}
