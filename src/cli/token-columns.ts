/** How tokens look in a table. */
import type { Token } from "../sdk/index.ts";
import { age, type Column } from "./output.ts";

const COLUMNS: readonly Column<Token>[] = [
  { title: "ID", value: ({ id }) => id },
  { title: "NAME", value: ({ name }) => name },
  { title: "SCOPES", value: ({ scopes }) => scopes.join(",") },
  { title: "EXPIRES", value: ({ expiresAt }) => expiresAt ?? "never" },
  { title: "AGE", value: ({ createdAt }) => age(createdAt, Date.now()) },
  { title: "MADE BY", value: ({ createdBy }) => createdBy ?? "-", wide: true },
];

export const TOKEN_LISTING = { columns: COLUMNS, json: (token: Token) => token, name: (token: Token) => token.id };
