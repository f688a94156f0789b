/** `?dryRun=true`: a call is checked and answered as if it were done. It is done, in a transaction that is undone. */
import type { FastifyReply } from "fastify";
import type { ControlPlane } from "../control-plane.ts";
import type { Transaction } from "../db/database.ts";
import { readWorker } from "../db/queries/list-workers.ts";
import { type LoadedVm, loadVm, readVmRow } from "../db/queries/read-vm.ts";
import { presentVm } from "../presenters/vm.ts";
import { presentWorker } from "../presenters/worker.ts";
import { etagOf } from "./etag.ts";

/** @param work returns the VM as it is then */
export async function answerWithPreview(
  control: ControlPlane,
  reply: FastifyReply,
  work: (tx: Transaction) => Promise<LoadedVm>,
): Promise<FastifyReply> {
  const loaded = await control.database.preview(work);
  // There is no operation that could be asked for.
  const vm = { ...loaded.vm, operationId: null };
  return reply
    .code(200)
    .header("ETag", etagOf(vm))
    .send(presentVm({ ...loaded, vm }, control.live));
}

/** The worker after a call that sets an operation on it going. */
export async function answerWithWorkerPreview(
  control: ControlPlane,
  reply: FastifyReply,
  workerId: string,
  begin: (tx: Transaction) => Promise<unknown>,
): Promise<FastifyReply> {
  const { worker, ...use } = await control.database.preview(async (tx) => {
    await begin(tx);
    return readWorker(tx.db, workerId);
  });
  return reply.code(200).send(presentWorker({ ...use, worker: { ...worker, operationId: null } }, control.live));
}

/** The VM after a call that sets an operation on it going. */
export async function afterOperation(tx: Transaction, begin: () => Promise<{ readonly vmId: string | null }>): Promise<LoadedVm> {
  const { vmId } = await begin();
  return loadVm(tx.db, await readVmRow(tx.db, vmId as string));
}
