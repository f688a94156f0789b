/** Path, query and header parameters that several routes take. */
import { Type } from "typebox";

export const VmPath = Type.Object({ vm: Type.String({ minLength: 1, maxLength: 80, description: "Id or name", examples: ["web"] }) });
export const WorkerPath = Type.Object({
  worker: Type.String({ minLength: 1, maxLength: 80, description: "Id or name", examples: ["worker-1"] }),
});

export const WaitQuery = {
  wait: Type.Optional(Type.Integer({ minimum: 0, maximum: 60, description: "Seconds to wait for the operation's end" })),
};

export const DryRunQuery = {
  dryRun: Type.Optional(
    Type.Boolean({
      default: false,
      description: "Check, and answer 200 with the VM as it would be then; nothing is written, no key is used up",
    }),
  ),
};

export const PageQuery = {
  pageSize: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 50 })),
  pageToken: Type.Optional(Type.String({ maxLength: 300 })),
};

export const IdempotencyHeader = {
  "idempotency-key": Type.Optional(
    Type.String({ maxLength: 257, description: "A repeat with the same key and body gets the first answer; kept for 24 hours" }),
  ),
};

export const IfMatchHeader = {
  "if-match": Type.Optional(Type.String({ description: 'ETag of the spec that the caller saw, such as "g1"' })),
};
