/** How operations look in a table. */
import type { OperationResource } from "../sdk/index.ts";
import { age, type Column } from "./output.ts";

const COLUMNS: readonly Column<OperationResource>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "KIND", value: ({ kind }) => kind },
  { title: "STATE", value: ({ state }) => state },
  { title: "OF", value: ({ vmId, workerId }) => vmId ?? workerId ?? "-" },
  { title: "ERROR", value: ({ error }) => error?.code ?? "-" },
  { title: "AGE", value: ({ createdAt }) => age(createdAt, Date.now()) },
  { title: "COMPLETED", value: ({ completedAt }) => completedAt ?? "-", wide: true },
  { title: "SAYS", value: ({ error }) => error?.detail ?? "-", wide: true },
];

export const OPERATION_LISTING = {
  columns: COLUMNS,
  json: (operation: OperationResource) => operation,
  name: (operation: OperationResource) => operation.id,
};
