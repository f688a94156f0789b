/**
 * Other versions of Node than the one that runs the tests: what a guest does must not depend on it.
 *
 * The program comes from npm's registry, in the package for this platform that the package `node` would install, into the
 * test cache: CACHE/node/VERSION/node. The newest version is what `latest` names at the time, so that a new Node is judged when
 * it is there.
 */
import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ClusterOptions } from "../../src/cli/up/cluster.ts";
import { testCache, whileLocked } from "./test-cache.ts";

export interface NodeVersion {
  readonly version: string;
  readonly program: string;
}

/** The oldest major version that this product supports. */
const OLDEST = 20;

const run = promisify(execFile);

/**
 * The newest Node, and the oldest supported one, without those that the running one stands for already.
 *
 * Says so on stderr where one cannot be had.
 */
export async function otherNodes(): Promise<NodeVersion[]> {
  const own = process.versions.node;
  const found: NodeVersion[] = [];
  const wanted = [{ tag: "latest", what: "the newest Node" }];
  if (majorOf(own) !== OLDEST) wanted.push({ tag: String(OLDEST), what: `Node ${OLDEST}` });
  for (const { tag, what } of wanted) {
    try {
      const node = await nodeOf(tag);
      if (node.version !== own) found.push(node);
    } catch (error) {
      const { message, stderr = "" } = error as Error & { readonly stderr?: string };
      const why = (stderr.trim() || message).split("\n")[0];
      process.stderr.write(`\nSKIPPED: comparisons with ${what}, for npm's registry does not give it: ${why}\n\n`);
    }
  }
  return found;
}

/** Has these services of an installation run under these versions, the others under the one that runs the tests. */
export function runUnder(nodes: Readonly<Record<string, NodeVersion | undefined>>): ClusterOptions["surroundings"] {
  return (service) => {
    const node = nodes[service];
    return node === undefined ? {} : { inside: (program) => ({ ...program, command: node.program }) };
  };
}

/** @param tag `latest`, or a major version */
async function nodeOf(tag: string): Promise<NodeVersion> {
  const folder = join(testCache(), "node");
  await mkdir(folder, { recursive: true });
  return await whileLocked(join(folder, "lock"), async () => {
    const version = await newestVersion(tag).catch(async (error: Error) => {
      // Without the registry: what an earlier run has left.
      const kept = (await readdir(folder)).filter(
        (name) => /^\d+\.\d+\.\d+$/.test(name) && (tag === "latest" || majorOf(name) === Number(tag)),
      );
      const newest = kept.sort(byVersion).at(-1);
      if (newest === undefined) throw error;
      return newest;
    });
    const program = join(folder, version, "node");
    const isThere = await access(program).then(
      () => true,
      () => false,
    );
    if (!isThere) await install(version, folder);
    const { stdout } = await run(program, ["-p", "process.versions.node"]);
    if (stdout.trim() !== version) throw new Error(`${program} is Node ${stdout.trim()}, not ${version}`);
    return { version, program };
  });
}

async function newestVersion(tag: string): Promise<string> {
  const { stdout } = await run("npm", ["view", `node@${tag}`, "version", "--json", "--fetch-retries=1", "--fetch-retry-mintimeout=1000"]);
  const answer: unknown = JSON.parse(stdout);
  const versions = (Array.isArray(answer) ? answer : [answer]).map(String).sort(byVersion);
  const newest = versions.at(-1);
  if (newest === undefined) throw new Error(`the registry has no node@${tag}`);
  return newest;
}

async function install(version: string, folder: string): Promise<void> {
  const name = `node-${process.platform}-${process.arch}`;
  process.stderr.write(`installing ${name} ${version} with npm\n`);
  const beside = await mkdtemp(join(folder, "incoming-"));
  try {
    const options = ["--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    await run("npm", ["install", "--prefix", beside, ...options, `${name}@${version}`]);
    await mkdir(join(folder, version), { recursive: true });
    await rename(join(beside, "node_modules", name, "bin", "node"), join(folder, version, "node"));
  } finally {
    await rm(beside, { recursive: true, force: true });
  }
}

function majorOf(version: string): number {
  return Number(version.split(".")[0]);
}

function byVersion(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
