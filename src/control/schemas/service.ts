/** What the service says of itself. */
import { Type } from "typebox";
import { words } from "./scalars.ts";

export const Version = Type.Object(
  { service: Type.String(), version: Type.String(), api: Type.String(), capabilities: Type.Array(Type.String()) },
  { $id: "Version" },
);

export const Health = Type.Object(
  {
    status: words(["ok", "failing"] as const),
    checks: Type.Array(Type.Object({ name: Type.String(), status: words(["ok", "failing"] as const), message: Type.String() })),
  },
  { $id: "Health" },
);
