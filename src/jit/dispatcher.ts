/**
 * What leads from one region to another: a module of one function, for each machine an instance.
 *
 *     (func $dispatch (param $base i64) (param $table i32) (param $set i32) (param $left i32) (param $entry i64) (result i32)
 *       (return_call_indirect (local.get $base) … (local.get $entry) (i32.wrap_i64 (i64.shr_u (local.get $entry) (i64.const 32)))))
 *
 * Regions could do so themselves if they imported the table. But up to version 11, V8 gives each instance that imports a table a
 * copy of it, 20 bytes an element, and has the table hold on to all of them: regions would never go before their machine does. Those
 * that run much have a small table of their own for the regions that they lead to most (machine-interface.ts).
 */
import { ENTRY_NUMBER_SHIFT, REGION_PARAMETERS, REGION_TYPE } from "./machine-interface.ts";
import { FunctionBody, moduleBytes } from "./wasm-builder.ts";

/** Its export, and the index of its only type. */
export const DISPATCHER_EXPORT = "f0";
const TYPE_INDEX = 0;

/** The module's bytes; it imports `env.memory` and `env.table`. */
export function dispatcherBytes(): Uint8Array {
  const body = new FunctionBody(REGION_PARAMETERS.length);
  REGION_PARAMETERS.forEach((_, index) => {
    body.get(index);
  });
  body.get(REGION_PARAMETERS.indexOf("entry")).i64(ENTRY_NUMBER_SHIFT).op(0x88).op(0xa7);
  body.returnCallIndirect(TYPE_INDEX);
  return moduleBytes({ imports: [], table: true, type: REGION_TYPE, bodies: [body] });
}
