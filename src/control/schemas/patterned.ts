/** Text of a certain form: a pattern for machines, which the contract shows, and words for people, which errors say. */
import { Type } from "typebox";

const WANTED = new Map<string, string>();

/** @param wanted what fits, as it ends the sentence "wanted is ..." */
export function patterned<const P extends string, const O extends object>(pattern: P, wanted: string, options: O = {} as O) {
  WANTED.set(pattern, wanted);
  return Type.String({ pattern, ...options });
}

/** @returns null for a pattern that was not made here */
export function wantedFor(pattern: string): string | null {
  return WANTED.get(pattern) ?? null;
}
