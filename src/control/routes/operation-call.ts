/** What every POST that sets an operation going has in common: once for each idempotency key, 202, and a wait for the end. */
import type { FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import type { ControlPlane } from "../control-plane.ts";
import type { Transaction } from "../db/database.ts";
import { runIdempotently } from "../db/queries/idempotency.ts";
import type { OperationRow } from "../db/schema.ts";
import type { ErrorCode } from "../errors/error-codes.ts";
import { presentOperation } from "../presenters/operation.ts";
import { Operation } from "../schemas/operation.ts";
import { Vm } from "../schemas/vm.ts";
import { afterOperation, answerWithPreview } from "./dry-run.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { DryRunQuery, IdempotencyHeader, IfMatchHeader, WaitQuery } from "./parameters.ts";
import { waitForOperation } from "./wait-for-operation.ts";

export const OperationHeaders = Type.Object(IdempotencyHeader);

export const OPERATION_CALL_ERRORS = [
  "malformed_json",
  "bad_idempotency_key",
  "idempotency_in_progress",
  "payload_too_large",
  "unsupported_media_type",
  "validation_failed",
  "idempotency_key_reused",
] as const satisfies readonly ErrorCode[];

/** What the schemas of such calls about a VM have in common, beside their errors. */
export const VM_OPERATION_CALL = {
  querystring: Type.Object({ ...WaitQuery, ...DryRunQuery }, { additionalProperties: false }),
  headers: Type.Object({ ...IdempotencyHeader, ...IfMatchHeader }),
  response: { 200: Vm, 202: Operation },
  answerHeaders: { Location: "Path of the operation" },
} as const;

/**
 * With `?dryRun=true`, where the route takes that, 200 and the VM as it would be.
 *
 * @param route method and path with the ids of what it is about: a key is good for one of them
 * @param work in the transaction that also writes the idempotency record
 */
export async function answerWithOperation(
  control: ControlPlane,
  request: FastifyRequest,
  reply: FastifyReply,
  route: string,
  work: (tx: Transaction) => Promise<OperationRow>,
): Promise<FastifyReply> {
  const { wait = 0, dryRun = false } = request.query as { readonly wait?: number; readonly dryRun?: boolean };
  if (dryRun) return answerWithPreview(control, reply, (tx) => afterOperation(tx, () => work(tx)));
  const key = readIdempotencyKey(request.headers["idempotency-key"] as string | undefined);
  const call = { apiCall: request.apiCall, route, key, body: request.body ?? null };
  const answer = await runIdempotently(control.database, call, async (tx) => {
    const operation = await work(tx);
    return { status: 202, headers: { location: `/v1/operations/${operation.id}` }, body: presentOperation(operation) };
  });
  control.reconciler.kick();
  if (answer.replayed) reply.header("Idempotency-Replayed", "true");
  const operation = await waitForOperation(control, (answer.body as Operation).id, wait, request.signal);
  return reply.code(202).headers(answer.headers).send(presentOperation(operation));
}
