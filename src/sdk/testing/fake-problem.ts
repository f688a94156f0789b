/** A refusal of the fake service: a problem document with a code of the contract. */
import type { Schemas } from "../client.ts";

export class FakeProblem extends Error {
  readonly problem: Schemas["Problem"];

  constructor(status: number, code: Schemas["ErrorCode"], detail: string, extra: Partial<Schemas["Problem"]> = {}) {
    super(detail);
    this.problem = {
      type: `/docs/errors#${code}`,
      title: code.replaceAll("_", " "),
      status,
      code,
      detail,
      instance: null,
      requestId: null,
      retryable: false,
      ...extra,
    };
  }
}

export function invalid(pointer: string, message: string): FakeProblem {
  return new FakeProblem(422, "validation_failed", `Cannot use ${pointer}: ${message}`, {
    errors: [{ pointer, code: "invalid", message }],
  });
}
