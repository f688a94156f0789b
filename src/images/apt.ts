/**
 * Downloads one package with apt, in a folder of its own: own sources, own lists, own cache. The system's apt state is
 * read for proxies and credentials, and never written.
 *
 * apt checks the archive's signature with Debian's keyring and the package with the archive's index; nothing here ever
 * says `trusted=yes`.
 */
import { spawn } from "node:child_process";
import { access, chmod, chown, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { UnderstudyError } from "../base/errors.ts";

const KEYRINGS = ["/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp"];

/** `NAME_VERSION_ARCHITECTURE.deb`; the version has its colon as `%3a`. */
export const PACKAGE_FILE = /^([^_]+)_([^_]+)_[^_]+\.deb$/;

export interface AptDownload {
  readonly package: string;
  readonly suite: string;
  readonly mirror: string;
  /** Of the package, in Debian's spelling; left out for one that is for all of them. */
  readonly architecture?: string | undefined;
  /** An existing, private folder for apt's state and the package. */
  readonly dir: string;
  /** The archive's keyring; Debian's own by default. */
  readonly keyring?: string;
  readonly onProgress?: (step: "index" | "download", message: string, fraction: number | null) => void;
  readonly signal?: AbortSignal;
}

export interface DownloadedPackage {
  readonly path: string;
  readonly version: string;
}

/**
 * @throws {UnderstudyError} `apt_missing`, `keyring_missing`, `image_download_failed`, `image_store_full`
 */
export async function downloadPackage(options: AptDownload): Promise<DownloadedPackage> {
  if (!/^[a-z][a-z0-9+.-]*:\S+$/i.test(options.mirror)) {
    throw new UnderstudyError("validation_failed", `Cannot use "${options.mirror}" as a mirror: it is not a URL`);
  }
  const keyring = options.keyring ?? (await findKeyring());
  const download = join(options.dir, "download");
  await mkdir(download, { recursive: true });
  await letAptIn(options.dir, download);

  // A package for all architectures is in the index of each: if one index is broken on the mirror, as while the mirror is
  // being updated, another one will do.
  let failure: unknown = null;
  for (const architecture of options.architecture === undefined ? architectures() : [options.architecture]) {
    const config = await writeConfig(options, keyring, architecture);
    const run = (step: "index" | "download", args: readonly string[]) =>
      runApt(["-c", config, "-o", "APT::Status-Fd=3", ...args], download, options.mirror, options.signal, (message, fraction) =>
        options.onProgress?.(step, message, fraction),
      );
    try {
      options.onProgress?.("index", `reading the package index of ${options.suite}`, null);
      await run("index", ["update"]);
      options.onProgress?.("download", `downloading ${options.package}`, 0);
      await run("download", ["download", options.package]);
    } catch (error) {
      if (!(error instanceof UnderstudyError) || !isIndexFault(error)) throw error;
      failure ??= error;
      continue;
    }
    for (const name of await readdir(download)) {
      const match = PACKAGE_FILE.exec(name);
      if (match?.[1] === options.package) return { path: join(download, name), version: decodeURIComponent(match[2] as string) };
    }
    throw new UnderstudyError(
      "image_download_failed",
      `Cannot find the package that apt downloaded from ${options.mirror}; try another mirror with --mirror URL`,
    );
  }
  throw failure;
}

async function findKeyring(): Promise<string> {
  for (const path of KEYRINGS) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  throw new UnderstudyError(
    "keyring_missing",
    `Cannot check the signature of Debian's archive: ${KEYRINGS[0]} is not there; install it with "apt-get install debian-archive-keyring"`,
  );
}

/** As root, apt downloads under an account of its own, which has to reach its folders; apt makes its own writable to it. */
async function letAptIn(dir: string, download: string): Promise<void> {
  await chmod(dir, 0o755);
  if (process.getuid?.() !== 0) return;
  const entry = (await readFile("/etc/passwd", "utf8").catch(() => "")).split("\n").find((line) => line.startsWith("_apt:"));
  const uid = Number(entry?.split(":")[2]);
  if (entry !== undefined && Number.isInteger(uid)) await chown(download, uid, 0);
}

/** The system's own architecture first: the others are for a broken index. */
function architectures(): string[] {
  const own = { x64: "amd64", arm64: "arm64", riscv64: "riscv64", ppc64: "ppc64el", s390x: "s390x" }[process.arch as string];
  return [...new Set([...(own === undefined ? [] : [own]), "amd64", "arm64", "riscv64"])];
}

/** A configuration that is read after the system's, so that proxies stay and everything about places is replaced. */
async function writeConfig(options: AptDownload, keyring: string, architecture: string): Promise<string> {
  const root = join(options.dir, architecture);
  const place = (...parts: string[]) => join(root, ...parts);
  for (const folder of ["sources", "lists/partial", "cache/archives/partial"]) await mkdir(place(folder), { recursive: true });
  for (const [name, value] of Object.entries({ mirror: options.mirror, keyring, dir: options.dir })) {
    if (/["\n\r\\]/.test(value))
      throw new UnderstudyError(
        "validation_failed",
        `Cannot use ${JSON.stringify(value)} as ${name}: it has a quote, backslash or line break`,
      );
  }
  await writeFile(
    place("sources", "debian.sources"),
    [
      `Types: deb`,
      `URIs: ${options.mirror}`,
      `Suites: ${options.suite}`,
      `Components: main`,
      `Architectures: ${architecture}`,
      `Signed-By: ${keyring}`,
      "",
    ].join("\n"),
  );
  await writeFile(place("status"), "");
  const settings: Record<string, string> = {
    "Dir::Etc::sourcelist": "/dev/null",
    "Dir::Etc::sourceparts": place("sources"),
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "Dir::State": root,
    "Dir::State::lists": place("lists"),
    "Dir::State::status": place("status"),
    "Dir::State::extended_states": place("extended_states"),
    "Dir::Cache": place("cache"),
    "Dir::Cache::archives": place("cache", "archives"),
    "Dir::Log": root,
    "APT::Architecture": architecture,
    "Acquire::Languages": "none",
    "Acquire::Retries": "1",
    "Acquire::AllowInsecureRepositories": "false",
    "Acquire::AllowDowngradeToInsecureRepositories": "false",
    "APT::Get::AllowUnauthenticated": "false",
    "Binary::apt-get::Acquire::AllowInsecureRepositories": "false",
  };
  const cleared = [
    "APT::Architectures",
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "APT::Default-Release",
    "Acquire::IndexTargets::deb::DEP-11",
    "Acquire::IndexTargets::deb::Contents-deb",
  ];
  const lines = [
    ...cleared.map((name) => `#clear ${name};`),
    ...Object.entries(settings).map(([name, value]) => `${name} "${value}";`),
    `APT::Architectures { "${architecture}"; };`,
    "",
  ];
  const config = place("apt.conf");
  await writeFile(config, lines.join("\n"));
  return config;
}

/** Runs `apt-get`; its status lines (`dlstatus:…:percent:message`) become progress. */
function runApt(
  args: readonly string[],
  cwd: string,
  mirror: string,
  signal: AbortSignal | undefined,
  onProgress: (message: string, fraction: number | null) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("apt-get", args, {
      cwd,
      signal,
      stdio: ["ignore", "ignore", "pipe", "pipe"],
      env: { ...process.env, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
    });
    let messages = "";
    let status = "";
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") return reject(error);
      reject(
        new UnderstudyError(
          "apt_missing",
          "Cannot download the Debian package: this system has no apt-get; give the files of Debian's riscv64 netboot installer with --kernel FILE --initrd FILE",
          { cause: error },
        ),
      );
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      messages += chunk.toString();
    });
    (child.stdio[3] as NodeJS.ReadableStream | null)?.on("data", (chunk: Buffer) => {
      status += chunk.toString();
      const lines = status.split("\n");
      status = lines.pop() ?? "";
      for (const line of lines) {
        const match = /^dlstatus:[^:]*:([\d.]+):(.*)$/.exec(line);
        if (match !== null) onProgress(match[2] as string, Number(match[1]) / 100);
      }
    });
    child.once("close", (code) => (code === 0 ? resolve() : reject(toAptError(messages, code, mirror))));
  });
}

function toAptError(messages: string, code: number | null, mirror: string): UnderstudyError {
  const errors = messages.split("\n").filter((line) => line.startsWith("E: "));
  const said = (errors.length > 0 ? errors : messages.trim().split("\n").slice(-2)).map((line) => line.replace(/^E: /, "")).join("; ");
  if (/No space left on device|enough free space/i.test(messages)) {
    return new UnderstudyError(
      "image_store_full",
      `Cannot download the Debian package: the disk is full (${said}); free about 200 MB, or choose another data folder`,
    );
  }
  if (/NO_PUBKEY|not signed|EXPKEYSIG|BADSIG|invalid signature|weak security/i.test(messages)) {
    return new UnderstudyError(
      "image_download_failed",
      `Cannot trust ${mirror}: ${said}; bring the package debian-archive-keyring up to date, or give a mirror of Debian's archive with --mirror URL`,
      { details: { aptMessages: messages } },
    );
  }
  return new UnderstudyError(
    "image_download_failed",
    `Cannot download the Debian package from ${mirror}: ${said || `apt-get ended with status ${code}`}; check the network, or give another mirror with --mirror URL`,
    { details: { aptMessages: messages } },
  );
}

/** The index of one architecture is broken or missing, and that of another may not be. */
function isIndexFault(error: UnderstudyError): boolean {
  return (
    error.code === "image_download_failed" &&
    /unexpected size|Hash Sum mismatch|Unable to locate package|404 +Not Found|doesn't support architecture/i.test(
      String(error.details.aptMessages),
    )
  );
}
