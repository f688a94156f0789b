/** The OpenAPI document that this build's routes declare; nothing is connected to for it. */
import { pino } from "pino";
import { buildApp } from "./app.ts";
import { createControlPlane } from "./create-control-plane.ts";

export async function declaredOpenApi(): Promise<string> {
  const control = createControlPlane({
    connection: { host: "/nonexistent" },
    imageStore: "/nonexistent",
    log: pino({ level: "silent" }),
  });
  const { app, openApi } = await buildApp(control.parts);
  await app.ready();
  const text = openApi();
  await app.close();
  await control.close();
  return text;
}
