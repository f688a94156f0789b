/** ETag of a VM: the generation of its spec, so that what the VM does never makes a caller's write stale. */
import type { VmRow } from "../db/schema.ts";
import { ApiError } from "../errors/api-error.ts";

export function etagOf(vm: VmRow): string {
  return `"g${vm.generation}"`;
}

/** @throws {ApiError} `etag_mismatch` */
export function checkEtag(ifMatch: string | undefined, vm: VmRow): void {
  if (ifMatch === undefined || ifMatch === "*" || ifMatch.split(",").some((tag) => tag.trim() === etagOf(vm))) return;
  throw new ApiError("etag_mismatch", `Cannot change the VM: its spec is at ${etagOf(vm)}, If-Match says ${ifMatch}`);
}
