/** Assertions: what must hold if our own code is right. */
import { InvariantViolation } from "./errors.ts";

/**
 * @param message a function where it has values in it: this is called at every step, and to write numbers out costs more than to compare them
 * @throws {InvariantViolation} with `message` unless `condition` holds
 */
export function assert(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new InvariantViolation(typeof message === "string" ? message : message());
}

/** Marks the end of a `switch` over a closed union: a new kind is a compile error here until it is handled. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable value: ${JSON.stringify(value, (_key, v) => (typeof v === "bigint" ? v.toString() : v))}`);
}
