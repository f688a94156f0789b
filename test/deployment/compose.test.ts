/** The compose file: valid by Docker's schema, and in agreement with the programs it starts. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { readSettings } from "../../src/worker/settings.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const require = createRequire(import.meta.url);
const dclint = require.resolve("dclint/package.json");
const { parse } = createRequire(dclint)("yaml") as { parse(text: string, options: { merge: boolean }): unknown };

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

const text = readFileSync(join(ROOT, "docker-compose.yml"), "utf8");
const compose = parse(text, { merge: true }) as Compose;
const services = Object.entries(compose.services);

function problemsOf(document: unknown): string[] {
  // Its `$schema` has an address that Ajv knows under another spelling; it is draft-07, which is Ajv's own.
  const { $schema, ...schema } = JSON.parse(readFileSync(join(dirname(dclint), "schemas", "compose.schema.json"), "utf8")) as {
    $schema: string;
  };
  expect($schema).toContain("draft-07");
  const validate = new Ajv({ strict: false, allErrors: true, validateFormats: false }).compile(schema);
  validate(document);
  return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}

describe("docker-compose.yml", () => {
  it("is valid by the compose schema", () => {
    expect(problemsOf(compose)).toEqual([]);
  });

  it("would be refused by that schema with a misspelt key", () => {
    expect(problemsOf(parse(text.replaceAll("depends_on:", "dependson:"), { merge: true }))).not.toEqual([]);
  });

  it("has Postgres, a control plane and three workers", () => {
    const programs = services.map(([, service]) => service.command?.[0] ?? service.image?.split(":")[0]).sort();
    expect(programs).toEqual([
      "dist/control-plane.mjs",
      "dist/understudy.mjs",
      "dist/worker.mjs",
      "dist/worker.mjs",
      "dist/worker.mjs",
      "postgres",
    ]);
  });

  it("starts only programs that the build makes", () => {
    const build = readFileSync(join(ROOT, "src/build/build.mjs"), "utf8");
    for (const [, { command }] of services) {
      if (command !== undefined) expect(build).toMatch(new RegExp(`^ {2}"?${command[0]?.replace(/^dist\/|\.mjs$/g, "")}"?:`, "m"));
    }
  });

  it("gives every worker a name and an address of its own, and settings that a worker accepts", () => {
    const workers = services.filter(([, { command }]) => command?.[0] === "dist/worker.mjs");
    for (const [name, { environment = {} }] of workers) {
      const settings = readSettings([], { ...environment, UNDERSTUDY_JOIN_TOKEN: "from-the-file" });
      expect(settings).toMatchObject({ name, loggingAdvertise: name, loggingListen: { host: "0.0.0.0", port: 9000 } });
      expect(settings.controlUrls.map(({ href }) => href)).toEqual(["wss://control-plane:8081/internal/v1/workers"]);
    }
  });

  it("mounts volumes that are declared, the same image store everywhere", () => {
    for (const [name, service] of services) {
      for (const volume of service.volumes ?? []) expect(Object.keys(compose.volumes), name).toContain(volume.split(":")[0]);
      if (service.command !== undefined) expect(service.volumes, name).toContain("images:/var/lib/understudy/images");
    }
  });

  it("waits for services that exist", () => {
    for (const [, service] of services)
      for (const name of Object.keys(service.depends_on ?? {})) expect(compose.services).toHaveProperty(name);
  });

  it("names no image registry", () => {
    const images = [
      ...text.matchAll(/^\s*image: (\S+)/gm),
      ...readFileSync(join(ROOT, "Dockerfile"), "utf8").matchAll(/^FROM (\S+)/gm),
    ].map((match) => match[1]);
    expect(images.length).toBeGreaterThan(3);
    for (const image of images) expect(image).toMatch(/^[a-z]+(:[a-z0-9.-]+)?$/);
  });
});
