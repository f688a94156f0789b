/** /v1/vms/{vm}/wait: answers when a VM is in a state, or cannot get there. */
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import { loadVm, readVmRow } from "../db/queries/read-vm.ts";
import { backupsWanted } from "../domain/protection.ts";
import { isToRestart } from "../domain/restart-policy.ts";
import {
  CONDITION_STATUSES,
  CONDITION_TYPES,
  type ConditionTarget,
  isReached,
  parseWaitTarget,
  WAIT_TARGETS,
  type WaitTarget,
  whyUnreachable,
} from "../domain/wait-target.ts";
import { ApiError } from "../errors/api-error.ts";
import { presentVm } from "../presenters/vm.ts";
import { patterned } from "../schemas/patterned.ts";
import { WaitAnswer } from "../schemas/vm.ts";
import { VmPath } from "./parameters.ts";

const TARGET_PATTERN = `^(${WAIT_TARGETS.join("|")}|condition:(${CONDITION_TYPES.join("|")})=(${CONDITION_STATUSES.join("|")}))$`;

/**
 * What comes of workers' reports, as some conditions do, is no event: those are looked at so often. The rest is, and is looked at besides
 * in case that the database could not be read when an event was heard of.
 */
const LOOK_AGAIN_MS = { condition: 1000, event: 5000 };

export const vmWaitRoute =
  (control: ControlPlane): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.route({
      method: "GET",
      url: "/v1/vms/:vm/wait",
      schema: {
        operationId: "waitForVm",
        scope: "vms:read",
        summary: "Wait until a VM is in a state",
        description: "`reached` is false when the time is up; 409 at once where the VM cannot get there by itself.",
        tags: ["vms"],
        params: VmPath,
        querystring: Type.Object(
          {
            for: patterned(TARGET_PATTERN, `one of ${WAIT_TARGETS.join(", ")}, or condition:TYPE=STATUS`, {
              description:
                "`settled`: nothing is on its way, neither an operation nor a backup. `condition:Protected=True` and the like: a type and a status of `status.conditions`",
            }),
            timeout: Type.Optional(Type.Integer({ minimum: 0, maximum: 60, default: 30, description: "Seconds" })),
          },
          { additionalProperties: false },
        ),
        response: { 200: WaitAnswer },
        errors: ["vm_not_found", "wait_target_unreachable", "validation_failed"],
      },
      handler: async (request) => {
        const { for: wanted, timeout = 30 } = request.query;
        const target = parseWaitTarget(wanted) as WaitTarget | ConditionTarget;
        const deadline = performance.now() + timeout * 1000;
        const lookAgainMs = typeof target === "string" ? LOOK_AGAIN_MS.event : LOOK_AGAIN_MS.condition;
        const { id } = await readVmRow(control.database.db, request.params.vm);
        for (;;) {
          // Before the row is read: what is committed from here on wakes the wait below.
          const news = control.feed.nextAbout(id, Math.min(lookAgainMs, Math.max(0, deadline - performance.now())), request.signal);
          const vm = await readVmRow(control.database.db, id);
          const found = presentVm(await loadVm(control.database.db, vm), control.live);
          const facts = {
            state: vm.state,
            desiredState: vm.desiredState,
            comesBack: isToRestart({ ...vm, policy: vm.spec.restartPolicy ?? "never" }),
            inOperation: vm.operationId !== null,
            conditions: new Map(found.status.conditions.map(({ type, status }) => [type, status])),
            protection: vm.protectionState,
            syncedBackups: vm.synced.length,
            wantedBackups: backupsWanted(vm.spec.protection),
          };
          const reached = isReached(target, facts);
          const unreachable = whyUnreachable(target, facts);
          if (unreachable !== null) {
            throw new ApiError("wait_target_unreachable", `Cannot wait for "${wanted}": ${unreachable}`, {
              details: { currentState: vm.state },
            });
          }
          if (reached || performance.now() >= deadline || request.signal.aborted || control.stopping.aborted) {
            return { reached, vm: found };
          }
          await news;
        }
      },
    });
  };
