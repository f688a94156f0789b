/** The Kubernetes manifests: valid by the API's schemas, and in agreement with the programs they start. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Deployment, StatefulSet } from "kubernetes-models/apps/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { Service } from "kubernetes-models/v1";
import { describe, expect, it } from "vitest";
import { readConfiguration } from "../../src/control/configuration.ts";
import { readSettings } from "../../src/worker/settings.ts";

const FOLDER = fileURLToPath(new URL("../../deploy/kubernetes/", import.meta.url));
const { parse, parseAllDocuments } = createRequire(createRequire(import.meta.url).resolve("dclint/package.json"))("yaml") as {
  parse(text: string): unknown;
  parseAllDocuments(text: string): { toJS(): Manifest }[];
};

interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly selector?: { readonly matchLabels?: Record<string, string> };
    readonly podSelector?: { readonly matchLabels: Record<string, string> };
    readonly replicas?: number;
    readonly template?: {
      readonly metadata: { readonly labels: Record<string, string> };
      readonly spec: {
        readonly containers: readonly Container[];
        readonly initContainers?: readonly Container[];
        readonly affinity: unknown;
      };
    };
    readonly ports?: readonly { readonly targetPort: string; readonly port: number }[];
  };
}

const KINDS = { Deployment, StatefulSet, Service, PodDisruptionBudget, NetworkPolicy } as unknown as Record<
  string,
  new (
    manifest: Manifest,
  ) => { validate(): void }
>;

const { resources } = parse(readFileSync(join(FOLDER, "kustomization.yaml"), "utf8")) as { resources: readonly string[] };
const manifests = resources.flatMap((file) =>
  parseAllDocuments(readFileSync(join(FOLDER, file), "utf8")).map((document) => document.toJS()),
);

function named(kind: string, name: string): Manifest {
  const found = manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found;
}

function check(manifest: Manifest): void {
  const Kind = KINDS[manifest.kind];
  if (Kind === undefined) throw new Error(`nobody checks a ${manifest.kind}`);
  new Kind(manifest).validate();
}

function containerOf(manifest: Manifest): Container {
  return manifest.spec.template?.spec.containers[0] as Container;
}

/** What the container is given, with a stand-in for what the cluster fills in. */
function environmentOf({ env = [] }: Container): Record<string, string> {
  return Object.fromEntries(
    env.map(({ name, value }) => [name, value ?? (name === "DATABASE_URL" ? "postgres://u:p@database:5432/understudy" : "filled-in")]),
  );
}

const controlPlane = named("Deployment", "understudy-control-plane");
const workers = named("StatefulSet", "understudy-worker");

describe("deploy/kubernetes", () => {
  it("lists every manifest, and each is valid by its kind's schema", () => {
    expect([...resources].sort()).toEqual(readdirSync(FOLDER).filter((file) => file !== "kustomization.yaml"));
    for (const manifest of manifests) check(manifest);
  });

  it("would be refused with a field of the wrong type, or without one that must be there", () => {
    expect(() => check({ ...workers, spec: { ...workers.spec, replicas: "three" as unknown as number } })).toThrow();
    const { selector: _selector, ...rest } = workers.spec;
    expect(() => check({ ...workers, spec: rest })).toThrow();
  });

  it("starts only programs that the build makes", () => {
    const build = readFileSync(fileURLToPath(new URL("../../src/build/build.mjs", import.meta.url)), "utf8");
    for (const manifest of [controlPlane, workers]) {
      const { containers, initContainers = [] } = manifest.spec.template?.spec ?? { containers: [] };
      for (const { args } of [...containers, ...initContainers])
        expect(build).toMatch(new RegExp(`^ {2}"?${args[0]?.replace(/^dist\/|\.mjs$/g, "")}"?:`, "m"));
    }
  });

  it("gives workers settings that they accept, and every control plane's address", () => {
    const settings = readSettings([], environmentOf(containerOf(workers)));
    expect(settings).toMatchObject({ discoverControl: true, loggingListen: { host: "0.0.0.0", port: 9000 }, memoryMiB: 3072 });
    const [url] = settings.controlUrls;
    expect(named("Service", url.hostname).spec).toMatchObject({ clusterIP: "None", publishNotReadyAddresses: true });
    expect(named("Service", url.hostname).spec.ports?.[0]?.port).toBe(Number(url.port));
  });

  it("gives control planes a configuration that they accept, with both secrets from outside", () => {
    const configuration = readConfiguration([], environmentOf(containerOf(controlPlane)));
    expect(configuration).toMatchObject({ token: "filled-in", joinToken: "filled-in", imageStore: "/var/lib/understudy/images" });
    const ports = Object.fromEntries(containerOf(controlPlane).ports?.map(({ name, containerPort }) => [name, containerPort]) ?? []);
    expect(ports).toEqual({ api: configuration.listen.port, workers: configuration.internalListen.port });
  });

  it("sets no variable that the programs do not read", () => {
    const sources = ["control/configuration.ts", "worker/settings.ts"].map((file) =>
      readFileSync(fileURLToPath(new URL(`../../src/${file}`, import.meta.url)), "utf8"),
    );
    for (const manifest of [controlPlane, workers])
      for (const name of Object.keys(environmentOf(containerOf(manifest))).filter((each) => !each.startsWith("MALLOC_")))
        expect(sources.join("\n"), name).toContain(name);
  });

  it("keeps workers on nodes of their own, and disturbs one of them at a time", () => {
    expect(workers.spec.replicas).toBeGreaterThanOrEqual(3);
    expect(workers.spec.template?.spec.affinity).toMatchObject({
      podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname" }] },
    });
    expect(named("PodDisruptionBudget", "understudy-worker").spec).toMatchObject({ maxUnavailable: 1 });
  });

  it("selects pods that there are, by ports that they have", () => {
    const pods = [controlPlane, workers].map((manifest) => manifest.spec.template as NonNullable<Manifest["spec"]["template"]>);
    for (const { kind, metadata, spec } of manifests) {
      const labels =
        spec.podSelector?.matchLabels ?? spec.selector?.matchLabels ?? (spec.selector as Record<string, string> | undefined) ?? {};
      const pod = pods.find(({ metadata: { labels: own } }) => Object.entries(labels).every(([name, value]) => own[name] === value));
      expect(pod, `${kind} ${metadata.name}`).toBeDefined();
      if (kind !== "Service") continue;
      const ports = pod?.spec.containers.flatMap(({ ports: all = [] }) => all.map(({ name }) => name));
      for (const { targetPort } of spec.ports ?? []) expect(ports).toContain(targetPort);
    }
  });
});
