/** Programs and libraries of Debian packages that tests and benches compare with: installed by apt where they are missing and we may. */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

export interface DebianTool {
  /** In PATH, or where it must be. */
  readonly program: string;
  /** The first of these that the release has. */
  readonly packages: readonly string[];
}

export const QEMU: DebianTool = { program: "qemu-system-riscv64", packages: ["qemu-system-riscv", "qemu-system-misc"] };
export const RISCV_GCC: DebianTool = { program: "riscv64-linux-gnu-gcc", packages: ["gcc-riscv64-linux-gnu"] };
/** For programs that run on Linux. */
export const RISCV_LIBC: DebianTool = { program: "/usr/riscv64-linux-gnu/lib/libc.a", packages: ["libc6-dev-riscv64-cross"] };

/** A program is missing and could not be installed. */
export class ToolMissing extends Error {
  readonly program: string;

  constructor(tool: DebianTool, why: string, cause?: unknown) {
    super(`Cannot run ${tool.program}: ${why}; it is in Debian's package ${tool.packages.join(" or ")}`, { cause });
    this.name = "ToolMissing";
    this.program = tool.program;
  }
}

/** @throws {ToolMissing} where one is not there and cannot be installed */
export function requireTools(...tools: readonly DebianTool[]): void {
  const missing = tools.filter((tool) => !isInstalled(tool));
  const [first] = missing;
  if (first === undefined) return;
  if (process.getuid?.() !== 0) throw new ToolMissing(first, "it is not installed, and only root may install it");
  try {
    apt("update", "-qq");
  } catch (cause) {
    throw new ToolMissing(first, "it is not installed, and apt-get update fails", cause);
  }
  for (const tool of missing) install(tool);
}

function install(tool: DebianTool): void {
  const name = tool.packages.find(isAvailable);
  if (name === undefined) throw new ToolMissing(tool, "it is not installed, and apt knows no package with it");
  process.stderr.write(`installing ${name} with apt\n`);
  try {
    apt("install", "-y", "-qq", "--no-install-recommends", name);
  } catch (cause) {
    throw new ToolMissing(tool, `it is not installed, and apt-get install ${name} fails`, cause);
  }
  if (!isInstalled(tool)) throw new ToolMissing(tool, `${name} is installed, but the program is not there`);
}

function isInstalled({ program }: DebianTool): boolean {
  if (isAbsolute(program)) return existsSync(program);
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** Whether apt can install it: a name that packages only depend on has no candidate. */
function isAvailable(name: string): boolean {
  return /Candidate: \d/.test(execFileSync("apt-cache", ["policy", name], { encoding: "utf8" }));
}

/** Its output goes to stderr: a bench has only figures on stdout. */
function apt(...words: readonly string[]): void {
  execFileSync("apt-get", words, { stdio: ["ignore", 2, 2], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
}
