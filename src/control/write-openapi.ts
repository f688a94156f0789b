/** Writes `openapi/control-plane.json` from what the routes declare. Run it after every change of a route or schema. */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { declaredOpenApi } from "./declared-openapi.ts";

writeFileSync(fileURLToPath(new URL("../../openapi/control-plane.json", import.meta.url)), await declaredOpenApi());
