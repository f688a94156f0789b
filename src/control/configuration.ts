/** What the process is told: flags over environment over file over defaults. Secrets are kept out of what is printed. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "smol-toml";
import { UnderstudyError } from "../base/errors.ts";
import { layeredSettings, type SettingNames } from "../base/layered-settings.ts";
import { readTlsMode, type TlsMode } from "../base/tls-mode.ts";
import { maskedTracing, readTracingSettings, TRACING_NAMES, type TracingSettings } from "../tracing/settings.ts";
import { API_CERTIFICATE_FILES, AUTHORITY_FILES, namedPemFiles, type PemFiles } from "./pem-files.ts";
import { type ControlSettings, DEFAULT_SETTINGS } from "./settings.ts";

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface Configuration {
  /** Null: the embedded database. */
  readonly databaseUrl: string | null;
  readonly dataDir: string;
  readonly listen: ListenAddress;
  readonly internalListen: ListenAddress;
  /** Of the internal listener. */
  readonly tls: TlsMode;
  /** PEM files of a certificate authority of one's own; null: the installation's, which is made at its first need. */
  readonly authorityFiles: PemFiles | null;
  /** PEM files of the certificate that the public API shows; null: it speaks no TLS. */
  readonly apiCertificateFiles: PemFiles | null;
  readonly imageStore: string;
  /** Null: read from, or made in, `joinTokenFile`. */
  readonly joinToken: string | null;
  readonly joinTokenFile: string;
  readonly token: string | null;
  readonly tokenFile: string;
  readonly logLevel: string;
  readonly tracing: TracingSettings;
  readonly settings: Partial<ControlSettings>;
}

type NumberSetting = Exclude<keyof ControlSettings, "allowedOrigins" | "imageSourceNetworks">;

/** Durations and sizes that may be set, as `UNDERSTUDY_<NAME>`. */
const NUMBERS: Readonly<Record<string, NumberSetting>> = {
  UNDERSTUDY_WORKER_LOST_MS: "workerLostMs",
  UNDERSTUDY_VM_LOST_MS: "vmLostMs",
  UNDERSTUDY_HEARTBEAT_TIMEOUT_MS: "heartbeatTimeoutMs",
  UNDERSTUDY_MAX_LAG_MS: "maxLagMs",
  UNDERSTUDY_TRANSFERS_PER_WORKER: "transfersPerWorker",
  UNDERSTUDY_PROVISION_DEADLINE_MS: "provisionDeadlineMs",
  UNDERSTUDY_START_DEADLINE_MS: "startDeadlineMs",
  UNDERSTUDY_PAUSE_DEADLINE_MS: "pauseDeadlineMs",
  UNDERSTUDY_EVENT_RETENTION_DAYS: "eventRetentionDays",
  UNDERSTUDY_AUDIT_RETENTION_DAYS: "auditRetentionDays",
  UNDERSTUDY_QUOTA_VMS: "quotaVms",
  UNDERSTUDY_QUOTA_MEMORY_MIB: "quotaMemoryMiB",
  UNDERSTUDY_QUOTA_IMAGES: "quotaImages",
  UNDERSTUDY_QUOTA_IMAGE_MIB: "quotaImageMiB",
  UNDERSTUDY_CERTIFICATE_TTL_SECONDS: "certificateTtlSeconds",
  UNDERSTUDY_RATE_LIMIT_BURST: "rateLimitBurst",
  UNDERSTUDY_RATE_LIMIT_PER_SECOND: "rateLimitPerSecond",
  UNDERSTUDY_VERB_RATE_LIMIT_BURST: "verbRateLimitBurst",
  UNDERSTUDY_VERB_RATE_LIMIT_PER_SECOND: "verbRateLimitPerSecond",
  UNDERSTUDY_IMAGE_MAX_MIB: "imageMaxMiB",
  UNDERSTUDY_IMAGE_FETCH_TIMEOUT_MS: "imageFetchTimeoutMs",
};

const NAMES = {
  plain: [
    "UNDERSTUDY_DATA_DIR",
    "UNDERSTUDY_LISTEN",
    "UNDERSTUDY_INTERNAL_LISTEN",
    "UNDERSTUDY_IMAGE_STORE",
    "UNDERSTUDY_JOIN_TOKEN_FILE",
    "UNDERSTUDY_TOKEN_FILE",
    "UNDERSTUDY_LOG_LEVEL",
    "UNDERSTUDY_ALLOWED_ORIGINS",
    "UNDERSTUDY_IMAGE_SOURCE_NETWORKS",
    "UNDERSTUDY_TLS",
    "UNDERSTUDY_CA_FILE",
    "UNDERSTUDY_CA_KEY_FILE",
    "UNDERSTUDY_TLS_CERT",
    "UNDERSTUDY_TLS_KEY",
    "DATABASE_URL",
    ...Object.keys(NUMBERS),
    ...TRACING_NAMES.plain,
  ],
  secret: ["UNDERSTUDY_TOKEN", "UNDERSTUDY_JOIN_TOKEN", ...TRACING_NAMES.secret],
} as const satisfies SettingNames;

/**
 * Flags over environment over a TOML file (`--config`, UNDERSTUDY_CONFIG_FILE) over defaults.
 *
 * @throws {UnderstudyError} `bad_setting` naming the flag, key or variable
 */
export function readConfiguration(argv: readonly string[], env: NodeJS.ProcessEnv): Configuration {
  const told = layeredSettings(NAMES, argv, env, (path) => parse(readFileSync(path, "utf8")));
  const dataDir = resolve(told["UNDERSTUDY_DATA_DIR"] ?? ".understudy");
  return {
    databaseUrl: readDatabaseUrl(told["DATABASE_URL"]),
    dataDir,
    listen: readAddress("UNDERSTUDY_LISTEN", told["UNDERSTUDY_LISTEN"] ?? "127.0.0.1:8080"),
    internalListen: readAddress("UNDERSTUDY_INTERNAL_LISTEN", told["UNDERSTUDY_INTERNAL_LISTEN"] ?? "127.0.0.1:8081"),
    tls: readTlsMode(told["UNDERSTUDY_TLS"]),
    authorityFiles: namedPemFiles(told, AUTHORITY_FILES),
    apiCertificateFiles: namedPemFiles(told, API_CERTIFICATE_FILES),
    imageStore: resolve(told["UNDERSTUDY_IMAGE_STORE"] ?? `${dataDir}/images`),
    joinToken: told["UNDERSTUDY_JOIN_TOKEN"] ?? null,
    joinTokenFile: resolve(told["UNDERSTUDY_JOIN_TOKEN_FILE"] ?? `${dataDir}/join-token`),
    token: told["UNDERSTUDY_TOKEN"] ?? null,
    tokenFile: resolve(told["UNDERSTUDY_TOKEN_FILE"] ?? `${dataDir}/token`),
    logLevel: told["UNDERSTUDY_LOG_LEVEL"] ?? "info",
    tracing: readTracingSettings(told),
    settings: {
      ...readNumbers(told),
      ...readOrigins(told["UNDERSTUDY_ALLOWED_ORIGINS"]),
      ...readNetworks(told["UNDERSTUDY_IMAGE_SOURCE_NETWORKS"]),
    },
  };
}

/** The same, fit to be printed. */
export function maskedConfiguration(configuration: Configuration): Record<string, unknown> {
  const { databaseUrl, joinToken, token, tracing, settings, ...rest } = configuration;
  return {
    ...rest,
    databaseUrl: databaseUrl === null ? "embedded" : maskUrl(databaseUrl),
    joinToken: joinToken === null ? `in ${rest.joinTokenFile}` : "***",
    token: token === null ? `in ${rest.tokenFile}` : "***",
    tracing: maskedTracing(tracing),
    settings: { ...DEFAULT_SETTINGS, ...settings },
  };
}

function readDatabaseUrl(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (URL.canParse(text) && /^postgres(ql)?:$/.test(new URL(text).protocol)) return text;
  throw new UnderstudyError("bad_setting", "Cannot use DATABASE_URL: a URL such as postgres://user:password@host:5432/name is wanted");
}

function readAddress(name: string, text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) throw new UnderstudyError("bad_setting", `Cannot use ${name}: it is "${text}", wanted is host:port`);
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

function readNumbers(told: Readonly<Record<string, string | undefined>>): Partial<ControlSettings> {
  const settings: Partial<Record<NumberSetting, number>> = {};
  for (const [name, setting] of Object.entries(NUMBERS)) {
    const text = told[name];
    if (text === undefined || text === "") continue;
    if (!/^[1-9][0-9]{0,8}$/.test(text))
      throw new UnderstudyError("bad_setting", `Cannot use ${name}: it is "${text}", wanted is a positive integer`);
    settings[setting] = Number(text);
  }
  return settings;
}

function readOrigins(text: string | undefined): Partial<ControlSettings> {
  if (text === undefined || text === "") return {};
  const allowedOrigins = text.split(",").map((origin) => origin.trim());
  const wrong = allowedOrigins.find((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin);
  if (wrong === undefined) return { allowedOrigins };
  throw new UnderstudyError(
    "bad_setting",
    `Cannot use UNDERSTUDY_ALLOWED_ORIGINS: "${wrong}" is no origin, wanted are some like https://console.example, with commas between`,
  );
}

function readNetworks(text: string | undefined): Partial<ControlSettings> {
  if (text === undefined || text === "") return {};
  if (text === "public" || text === "any") return { imageSourceNetworks: text };
  throw new UnderstudyError("bad_setting", `Cannot use UNDERSTUDY_IMAGE_SOURCE_NETWORKS: it is "${text}", wanted is public or any`);
}

function maskUrl(text: string): string {
  const url = new URL(text);
  if (url.password !== "") url.password = "***";
  return url.href;
}
