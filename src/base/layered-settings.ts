/**
 * What a process is told, from three places: a flag goes over the environment, that over a file.
 *
 * A setting has one name in three spellings: the variable `UNDERSTUDY_WORKER_NAME` is the flag `--worker-name` and the file's key
 * `worker-name`. What comes of them is read as an environment, so that whoever checks the values names the variable. Secrets are no
 * flags: other users of a host see those.
 */
import { UnderstudyError } from "./errors.ts";

export interface SettingNames {
  /** Variables that are flags too. */
  readonly plain: readonly string[];
  /** Variables of the environment and the file alone. */
  readonly secret: readonly string[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Names the file, as `--config` or by this variable. */
const FILE_VARIABLE = "UNDERSTUDY_CONFIG_FILE";
const FILE_FLAG = "config";

/**
 * @param readTable a file's path to its keys and values
 * @returns the named variables alone; an empty one in the environment is one that is not set
 * @throws {UnderstudyError} `bad_setting` for a flag or key that is not known, and for a file that cannot be read
 */
export function layeredSettings(
  { plain, secret }: SettingNames,
  argv: readonly string[],
  env: Environment,
  readTable: (path: string) => Readonly<Record<string, unknown>>,
): Environment {
  const spelled = new Map([...plain, ...secret].map((variable) => [spelling(variable), variable]));
  const flags = readFlags([FILE_FLAG, ...plain.map(spelling)], argv);
  const path = flags.get(FILE_FLAG) ?? (env[FILE_VARIABLE] || null);
  const layered: Record<string, string | undefined> = path === null ? {} : readFile(path, spelled, readTable);
  for (const variable of spelled.values()) if (env[variable]) layered[variable] = env[variable];
  for (const [flag, value] of flags) {
    const variable = spelled.get(flag);
    if (variable !== undefined) layered[variable] = value;
  }
  return layered;
}

/** `UNDERSTUDY_WORKER_NAME` to `worker-name`. */
function spelling(variable: string): string {
  return variable
    .replace(/^UNDERSTUDY_/, "")
    .toLowerCase()
    .replaceAll("_", "-");
}

/** `--name value` or `--name=value`. */
function readFlags(known: readonly string[], argv: readonly string[]): Map<string, string> {
  const flags = new Map<string, string>();
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] as string;
    const [, flag, given] = /^--([a-z0-9-]+)(?:=(.*))?$/s.exec(word) ?? [];
    const value = given ?? argv[++index];
    if (flag === undefined || !known.includes(flag))
      throw new UnderstudyError("bad_setting", `Cannot read the flags: there is no ${word}, there are --${known.join(", --")}`);
    if (value === undefined) throw new UnderstudyError("bad_setting", `Cannot read the flags: --${flag} is without its value`);
    flags.set(flag, value);
  }
  return flags;
}

function readFile(
  path: string,
  spelled: ReadonlyMap<string, string>,
  readTable: (path: string) => Readonly<Record<string, unknown>>,
): Record<string, string> {
  let table: Readonly<Record<string, unknown>>;
  try {
    table = readTable(path);
  } catch (cause) {
    throw new UnderstudyError("bad_setting", `Cannot use the configuration file ${path}: ${(cause as Error).message}`, { cause });
  }
  const settings: Record<string, string> = {};
  for (const [key, value] of Object.entries(table)) {
    const variable = spelled.get(key);
    if (variable === undefined)
      throw new UnderstudyError(
        "bad_setting",
        `Cannot use the configuration file ${path}: there is no setting "${key}", there are ${[...spelled.keys()].join(", ")}`,
      );
    if (typeof value !== "string" && typeof value !== "number")
      throw new UnderstudyError("bad_setting", `Cannot use the configuration file ${path}: "${key}" is neither text nor a number`);
    settings[variable] = String(value);
  }
  return settings;
}
