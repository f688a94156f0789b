/** What a worker is told: flags over environment over file over defaults. Secrets are kept out of what is printed. */
import { readFileSync } from "node:fs";
import { hostname, totalmem } from "node:os";
import { join } from "node:path";
import { parse } from "smol-toml";
import { UnderstudyError } from "../base/errors.ts";
import { layeredSettings, type SettingNames } from "../base/layered-settings.ts";
import { readTlsMode, speaksTls, type TlsMode } from "../base/tls-mode.ts";
import { maskedTracing, readTracingSettings, TRACING_NAMES, type TracingSettings } from "../tracing/settings.ts";
import type { NetworkAddress } from "../wire/control-messages.ts";
import type { FlippedBit } from "./engine-commands.ts";

export interface WorkerSettings {
  /** Control channels, one for each control plane: ws:// or wss://. */
  readonly controlUrls: readonly [URL, ...URL[]];
  readonly tls: TlsMode;
  /** PEM: the certificate authority that is trusted whatever the join token proves; null: the one that it proves. */
  readonly certificateAuthority: string | null;
  /** Dial every address that the host names of `controlUrls` have. */
  readonly discoverControl: boolean;
  readonly joinToken: string;
  readonly name: string;
  readonly zone: string | null;
  readonly host: string;
  readonly loggingListen: NetworkAddress;
  /** Host under which other workers reach `loggingListen`. */
  readonly loggingAdvertise: string;
  /** Logging channels to this worker speak TLS. */
  readonly loggingTls: boolean;
  readonly imageStore: string;
  readonly memoryMiB: number;
  /** How guests are executed: `jit` translates what runs often. */
  readonly engine: Engine;
  /** An engine thread that does not end an epoch for so long is given up. */
  readonly engineStallMs: number;
  /** Folder in which every epoch is kept, too; null: none is. */
  readonly recordDir: string | null;
  /** Tests alone: a fault for each of the first backups that this process hosts. */
  readonly testFlipBits: readonly FlippedBit[];
  readonly logLevel: string;
  readonly tracing: TracingSettings;
}

/** The guest cannot tell one from the other. */
export type Engine = "interpreter" | "jit";

/** Epochs take milliseconds; on a host with no time to spare, hundreds of them. */
const ENGINE_STALL_MS = 10_000;

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

const NAMES = {
  plain: [
    "UNDERSTUDY_CA_FILE",
    "UNDERSTUDY_CONTROL_DISCOVERY",
    "UNDERSTUDY_CONTROL_URL",
    "UNDERSTUDY_DATA_DIR",
    "UNDERSTUDY_ENGINE",
    "UNDERSTUDY_ENGINE_STALL_MS",
    "UNDERSTUDY_IMAGE_STORE",
    "UNDERSTUDY_JOIN_TOKEN_FILE",
    "UNDERSTUDY_LOGGING_ADVERTISE",
    "UNDERSTUDY_LOGGING_LISTEN",
    "UNDERSTUDY_LOG_LEVEL",
    "UNDERSTUDY_RECORD_DIR",
    "UNDERSTUDY_TEST_FLIP_BITS",
    "UNDERSTUDY_TLS",
    "UNDERSTUDY_WORKER_MEMORY_MIB",
    "UNDERSTUDY_WORKER_NAME",
    "UNDERSTUDY_ZONE",
    ...TRACING_NAMES.plain,
  ],
  secret: ["UNDERSTUDY_JOIN_TOKEN", ...TRACING_NAMES.secret],
} as const satisfies SettingNames;

/**
 * Flags over environment over a TOML file (`--config`, UNDERSTUDY_CONFIG_FILE) over defaults.
 *
 * @throws {UnderstudyError} `bad_setting` naming the flag, key or variable
 */
export function readSettings(argv: readonly string[], environment: NodeJS.ProcessEnv): WorkerSettings {
  const env = layeredSettings(NAMES, argv, environment, (path) => parse(readFileSync(path, "utf8")));
  const name =
    env.UNDERSTUDY_WORKER_NAME ??
    hostname()
      .toLowerCase()
      .replaceAll(/[^a-z0-9-]/g, "-");
  if (!NAME.test(name)) throw badSetting("UNDERSTUDY_WORKER_NAME", name, "a label of lower-case letters, digits and hyphens");
  const dataDir = env.UNDERSTUDY_DATA_DIR;
  const imageStore = env.UNDERSTUDY_IMAGE_STORE ?? (dataDir === undefined ? undefined : join(dataDir, "images"));
  if (imageStore === undefined)
    throw badSetting("UNDERSTUDY_IMAGE_STORE", undefined, "the folder of the image store, or UNDERSTUDY_DATA_DIR");
  const loggingListen = address("UNDERSTUDY_LOGGING_LISTEN", env.UNDERSTUDY_LOGGING_LISTEN ?? "127.0.0.1:0");
  const everywhere = loggingListen.host === "0.0.0.0" || loggingListen.host === "::";
  const loggingAdvertise = env.UNDERSTUDY_LOGGING_ADVERTISE || (everywhere ? hostname() : loggingListen.host);
  const tls = readTlsMode(env.UNDERSTUDY_TLS);
  return {
    controlUrls: controlUrls(env.UNDERSTUDY_CONTROL_URL, tls),
    tls,
    certificateAuthority: certificateAuthority(env.UNDERSTUDY_CA_FILE),
    discoverControl: discovery(env.UNDERSTUDY_CONTROL_DISCOVERY),
    joinToken: joinToken(env),
    name,
    zone: env.UNDERSTUDY_ZONE || null,
    host: hostname(),
    loggingListen,
    loggingAdvertise,
    loggingTls: speaksTls(tls, loggingListen.host, loggingAdvertise),
    imageStore,
    memoryMiB: memoryMiB(env.UNDERSTUDY_WORKER_MEMORY_MIB),
    engine: engine(env.UNDERSTUDY_ENGINE),
    engineStallMs: engineStallMs(env.UNDERSTUDY_ENGINE_STALL_MS),
    recordDir: env.UNDERSTUDY_RECORD_DIR || null,
    testFlipBits: flippedBits(env.UNDERSTUDY_TEST_FLIP_BITS),
    logLevel: env.UNDERSTUDY_LOG_LEVEL || "info",
    tracing: readTracingSettings(env),
  };
}

/** The same, fit to be printed. */
export function maskedSettings(settings: WorkerSettings): Record<string, unknown> {
  const { certificateAuthority, tracing, ...rest } = settings;
  return {
    ...rest,
    certificateAuthority: certificateAuthority === null ? "as the join token proves" : "as UNDERSTUDY_CA_FILE says",
    controlUrls: settings.controlUrls.map(({ href }) => href),
    joinToken: "***",
    tracing: maskedTracing(tracing),
  };
}

function controlUrls(value: string | undefined, tls: TlsMode): readonly [URL, ...URL[]] {
  const [first, ...others] = (value ?? "").split(",").map((text) => {
    const url = URL.canParse(text.trim()) ? new URL(text.trim()) : null;
    if (url === null || (url.protocol !== "ws:" && url.protocol !== "wss:")) {
      throw badSetting(
        "UNDERSTUDY_CONTROL_URL",
        value,
        "the control channel, such as ws://127.0.0.1:8081/internal/v1/workers, or several with commas between them",
      );
    }
    if (url.protocol === "ws:" && speaksTls(tls, url.hostname))
      throw badSetting("UNDERSTUDY_CONTROL_URL", value, `wss:// for ${url.hostname}, with which TLS is spoken, or UNDERSTUDY_TLS=never`);
    if (url.protocol === "wss:" && tls === "never")
      throw badSetting("UNDERSTUDY_CONTROL_URL", value, "ws://, since UNDERSTUDY_TLS is never");
    return url;
  });
  return [first as URL, ...others];
}

function certificateAuthority(file: string | undefined): string | null {
  if (file === undefined || file === "") return null;
  let pem: string;
  try {
    pem = readFileSync(file, "utf8");
  } catch (cause) {
    throw badSetting("UNDERSTUDY_CA_FILE", file, "a file that can be read", cause);
  }
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw badSetting("UNDERSTUDY_CA_FILE", file, "a file with certificates, as PEM");
  return pem;
}

function discovery(value: string | undefined): boolean {
  if (value === undefined || value === "" || value === "none") return false;
  if (value !== "dns") throw badSetting("UNDERSTUDY_CONTROL_DISCOVERY", value, "dns or none");
  return true;
}

function joinToken(env: Readonly<Record<string, string | undefined>>): string {
  const file = env.UNDERSTUDY_JOIN_TOKEN_FILE;
  if (env.UNDERSTUDY_JOIN_TOKEN) return env.UNDERSTUDY_JOIN_TOKEN;
  if (!file) throw badSetting("UNDERSTUDY_JOIN_TOKEN", undefined, "the control plane's join token, or UNDERSTUDY_JOIN_TOKEN_FILE");
  let token: string;
  try {
    token = readFileSync(file, "utf8").trim();
  } catch (cause) {
    throw badSetting("UNDERSTUDY_JOIN_TOKEN_FILE", file, "a file that can be read", cause);
  }
  if (token === "") throw badSetting("UNDERSTUDY_JOIN_TOKEN_FILE", file, "a file with the join token in it");
  return token;
}

/** `host:port`, an IPv6 host in brackets. */
function address(variable: string, value: string): NetworkAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value);
  const port = Number(match?.[3]);
  if (match === null || port > 65535) throw badSetting(variable, value, "host:port");
  return { host: (match[1] ?? match[2]) as string, port };
}

function memoryMiB(value: string | undefined): number {
  if (value === undefined || value === "") return Math.floor(totalmem() / (1024 * 1024));
  if (!/^[1-9][0-9]{0,8}$/.test(value)) throw badSetting("UNDERSTUDY_WORKER_MEMORY_MIB", value, "a number of MiB");
  return Number(value);
}

function engineStallMs(value: string | undefined): number {
  if (value === undefined || value === "") return ENGINE_STALL_MS;
  if (!/^[1-9][0-9]{0,8}$/.test(value)) throw badSetting("UNDERSTUDY_ENGINE_STALL_MS", value, "a number of milliseconds");
  return Number(value);
}

function engine(value: string | undefined): Engine {
  if (value === undefined || value === "") return "jit";
  if (value !== "interpreter" && value !== "jit") throw badSetting("UNDERSTUDY_ENGINE", value, "interpreter or jit");
  return value;
}

/** `page.byte.bit`, with commas between. */
function flippedBits(value: string | undefined): FlippedBit[] {
  if (value === undefined) return [];
  return value.split(",").map((part) => {
    const match = /^(\d{1,7})\.(\d{1,4})\.([0-7])$/.exec(part);
    if (match === null) throw badSetting("UNDERSTUDY_TEST_FLIP_BITS", value, "page.byte.bit, in decimal, with commas between");
    return { page: Number(match[1]), offset: Number(match[2]), bit: Number(match[3]) };
  });
}

function badSetting(variable: string, value: string | undefined, wanted: string, cause?: unknown): UnderstudyError {
  const is = value === undefined || value === "" ? "it is not set" : `it is "${value}"`;
  return new UnderstudyError("bad_setting", `Cannot use ${variable}: ${is}, wanted is ${wanted}`, { cause });
}
