/** OpenTelemetry's own variables, of which some are flags and keys of the settings file too. The rest the library reads by itself. */
import { UnderstudyError } from "../base/errors.ts";
import type { SettingNames } from "../base/layered-settings.ts";

export const TRACING_NAMES = {
  plain: [
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SDK_DISABLED",
    "OTEL_SERVICE_NAME",
    "OTEL_TRACES_EXPORTER",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
  ],
  // They carry credentials.
  secret: ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"],
} as const satisfies SettingNames;

export interface TracingSettings {
  /** Where spans are sent; null: there are none. */
  readonly endpoint: string | null;
  /** Those of `TRACING_NAMES` that are set: what the library reads. */
  readonly variables: Readonly<Record<string, string>>;
}

export const NO_TRACING: TracingSettings = { endpoint: null, variables: {} };

/**
 * @param told variables, in the layers of which flags go first
 * @throws {UnderstudyError} `bad_setting` naming the variable
 */
export function readTracingSettings(told: Readonly<Record<string, string | undefined>>): TracingSettings {
  const names = [...TRACING_NAMES.plain, ...TRACING_NAMES.secret];
  const variables = Object.fromEntries(names.flatMap((name) => (told[name] ? [[name, told[name]]] : [])));
  const off = variables["OTEL_SDK_DISABLED"]?.toLowerCase() === "true" || variables["OTEL_TRACES_EXPORTER"] === "none";
  const named = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"].find((name) => variables[name] !== undefined);
  if (off || named === undefined) return NO_TRACING;
  const given = variables[named] as string;
  if (!URL.canParse(given) || !/^https?:$/.test(new URL(given).protocol))
    throw new UnderstudyError("bad_setting", `Cannot use ${named}: it is "${given}", wanted is a URL such as http://collector:4318`);
  for (const name of ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]) {
    if (variables[name] === "grpc")
      throw new UnderstudyError(
        "bad_setting",
        `Cannot use ${name}: it is "grpc", and spans go over HTTP: give the receiver's HTTP endpoint`,
      );
  }
  // As the library does: to the base URL the path of the signal is added, to that of traces nothing.
  const endpoint = named === "OTEL_EXPORTER_OTLP_ENDPOINT" ? `${given.replace(/\/$/, "")}/v1/traces` : given;
  return { endpoint, variables };
}

/** The same, fit to be printed; null: nothing is traced. */
export function maskedTracing({ endpoint, variables }: TracingSettings): Record<string, unknown> | null {
  if (endpoint === null) return null;
  const url = new URL(endpoint);
  if (url.password !== "") url.password = "***";
  const headers = TRACING_NAMES.secret.filter((name) => variables[name] !== undefined);
  const plain = TRACING_NAMES.plain.filter((name) => variables[name] !== undefined && !name.endsWith("ENDPOINT"));
  return {
    endpoint: url.href,
    ...Object.fromEntries(plain.map((name) => [name, variables[name]])),
    ...Object.fromEntries(headers.map((name) => [name, "***"])),
  };
}
