/**
 * `understudy demo`: the whole story in one go, on an installation of its own that is gone afterwards.
 *
 *     start -> create -> boot -> the guest counts, the client types -> kill -9 the primary -> the count goes on ->
 *     protected again -> kill -9 the new primary -> ... -> the transcript is checked -> exit 0 only if it holds
 *
 * Nothing is staged: the processes are killed by pid, and the judge is `transcript.ts`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { UnderstudyError } from "../../base/errors.ts";
import type { Failover, Vm } from "../../sdk/index.ts";
import { addImageSourceOptions, defaultStore, type ImageSourceOptions } from "../image-pull.ts";
import { parseInteger } from "../output.ts";
import { note, print, type Shell } from "../shell.ts";
import { Cluster } from "../up/cluster.ts";
import { DEFAULT_IMAGE, ensureGuestImage } from "../up/guest-image.ts";
import { freePorts } from "../up/ports.ts";
import { StoryConsole, within } from "./story-console.ts";
import { STORY_BEGIN, STORY_SCRIPT, type TranscriptVerdict } from "./transcript.ts";

interface Options extends ImageSourceOptions {
  readonly kills: number;
  readonly memory: number;
  readonly store?: string;
  readonly keep?: boolean;
}

const HOST = "127.0.0.1";
const WORKERS = 3;
const BOOT_TIMEOUT_MS = 180_000;
const STEP_TIMEOUT_MS = 60_000;
const TYPE_EVERY_MS = 120;

export function addDemo(program: Command, shell: Shell): void {
  const command = program
    .command("demo")
    .description("tell the story in one go: boot Debian in a protected VM, kill -9 the primary's process twice, check the transcript")
    .option("--kills <count>", "how often the primary's process is killed", parseInteger(1, 1000), 2)
    .option("--memory <MiB>", "memory of the guest", parseInteger(96, 2048), 128)
    .option("--store <dir>", "folder of the image store (UNDERSTUDY_IMAGE_STORE, default .understudy/images)")
    .option("--keep", "keep the installation's folder, with its logs, afterwards");
  addImageSourceOptions(command);
  command.action((options: Options) => demo(options, shell));
}

interface Kill {
  readonly worker: string;
  readonly pid: number;
  readonly silenceMs: number;
  readonly repairMs: number;
}

async function demo(options: Options, shell: Shell): Promise<void> {
  const { signal, env } = shell;
  const stage = new Stage(shell);
  const imageStore = resolve(options.store ?? defaultStore(shell));
  const dataDirectory = await mkdtemp(join(tmpdir(), "understudy-demo-"));
  let cluster: Cluster | null = null;
  let held = false;
  try {
    const [api = 0, internal = 0] = await freePorts(2, HOST);
    stage.say(`An installation of its own: a control plane with its database, and ${WORKERS} workers, in ${dataDirectory}`);
    cluster = await Cluster.start({
      dataDirectory,
      listen: { host: HOST, port: api },
      internalListen: { host: HOST, port: internal },
      imageStore,
      workers: WORKERS,
      env,
      signal,
      onNote: (text) => stage.say(text),
      beforeStart: () => ensureGuestImage(imageStore, options, shell),
    });
    held = await tell(cluster, options, stage, signal);
  } catch (error) {
    if (!signal.aborted) note(shell, `The logs are in ${join(dataDirectory, "logs")}`);
    throw error;
  } finally {
    if (cluster !== null) {
      stage.say("Stopping the installation");
      await cluster.stop();
    }
    if (options.keep !== true && (held || cluster === null || signal.aborted)) await rm(dataDirectory, { recursive: true, force: true });
  }
  if (!held)
    throw new UnderstudyError("story_broken", `Cannot vouch for the transcript: see above; the logs are in ${join(dataDirectory, "logs")}`);
}

/** @returns whether the transcript holds */
async function tell(cluster: Cluster, options: Options, stage: Stage, signal: AbortSignal): Promise<boolean> {
  const { client } = cluster;
  stage.say(`POST /v1/vms: Debian, ${options.memory} MiB, protection lockstep`);
  const vm = await client.vms.create({ name: "story", image: DEFAULT_IMAGE, machine: { memoryMiB: options.memory } }, { signal });
  const console = await vm.console.attach({ mode: "write", from: "start", signal });
  console.on("term", ({ term, cause }) => stage.say(`the console says: term ${term}, ${cause ?? "changed"}`));
  console.on("reconnecting", ({ reason }) => stage.say(`the console reconnects: ${reason}`));
  const story = new StoryConsole(console, (line) => stage.guest(line));
  try {
    await story.expect(/understudy: ready[\s\S]*:~# /, BOOT_TIMEOUT_MS, signal, 0);
    await vm.waitFor("protected", { timeoutMs: STEP_TIMEOUT_MS, signal });
    stage.say(`Protected: ${replicasText(vm)}`);

    stage.say("The guest counts on its own, and answers numbered lines that we type");
    await story.type(STORY_SCRIPT);
    await story.expect(new RegExp(`${STORY_BEGIN}\r\n`), STEP_TIMEOUT_MS, signal, 0);
    story.startTyping(TYPE_EVERY_MS);
    await story.expect(/heard client 5\r\n/, STEP_TIMEOUT_MS, signal, 0);

    const kills: Kill[] = [];
    for (let number = 1; number <= options.kills; number++) kills.push(await killPrimary(cluster, vm, story, stage, signal));

    const verdict = await story.endTyping(STEP_TIMEOUT_MS, signal);
    return judge(verdict, story.acknowledged, kills, await vm.failovers({ signal }).all(), stage);
  } finally {
    story.close();
  }
}

async function killPrimary(cluster: Cluster, vm: Vm, story: StoryConsole, stage: Stage, signal: AbortSignal): Promise<Kill> {
  const { client } = cluster;
  await vm.refresh({ signal });
  const primary = vm.status.replicas.find((replica) => replica.role === "primary" && replica.state === "live");
  const worker = (await client.workers.list({ signal }).all()).find(({ id }) => id === primary?.worker);
  if (worker === undefined || cluster.workerWithPid(worker.status.pid) === null) {
    throw new UnderstudyError(
      "story_broken",
      `Cannot kill the primary of ${vm.id}: its worker ${primary?.workerName ?? "is unknown"} is no process of this run`,
    );
  }
  const { pid } = worker.status;
  const { term } = vm.status;
  stage.say(`kill -9 ${pid}: ${worker.name}, the primary's process`);
  const killedAt = performance.now();
  story.resetSilence();
  process.kill(pid, "SIGKILL");

  // The guest's lines may come again before the service lists the change: until then "protected" is about the old pair.
  const repaired = async () => {
    while ((await vm.refresh({ signal })).status.term === term) await new Promise((resolve) => setTimeout(resolve, 20));
    await vm.waitFor("protected", { timeoutMs: STEP_TIMEOUT_MS, signal });
    return performance.now() - killedAt;
  };
  const repair = within(repaired(), STEP_TIMEOUT_MS, "the VM to be protected again", signal);
  repair.catch(() => {});
  // What counts is what a client sees: twenty more lines that the guest wrote, some of which answer us.
  await story.expectGuestLines(20, STEP_TIMEOUT_MS, signal);
  const { silenceMs } = story;
  stage.say(`The numbers go on; longest silence ${silenceMs.toFixed(0)} ms (the guest prints every 50 ms)`);
  const repairMs = await repair;
  stage.say(`Protected again, ${ms(repairMs)} after the kill: ${replicasText(vm)}`);
  return { worker: worker.name, pid, silenceMs, repairMs };
}

/** @param acknowledged lines that were typed and acknowledged */
function judge(
  verdict: TranscriptVerdict,
  acknowledged: number,
  kills: readonly Kill[],
  failovers: readonly Failover[],
  stage: Stage,
): boolean {
  const problems = [...verdict.problems];
  const measured = failovers.filter((failover) => failover.state === "completed").length;
  if (measured < kills.length) problems.push(`the service knows of ${measured} failovers, ${kills.length} were caused`);
  stage.say("");
  for (const [index, kill] of kills.entries()) {
    const gap = failovers[failovers.length - 1 - index]?.gapMs;
    const inside =
      gap === null || gap === undefined
        ? ""
        : `; inside: detect ${ms(gap.detect)}, arbitrate ${ms(gap.arbitrate)}, promote ${ms(gap.promote)}`;
    stage.say(
      `kill ${index + 1}  ${kill.worker} (pid ${kill.pid})  client-visible silence ${ms(kill.silenceMs)}, protected again ${ms(kill.repairMs)}${inside}`,
    );
  }
  stage.say(
    `transcript: ${verdict.guestLines} lines counted by the guest, ${acknowledged} lines typed and acknowledged, ${verdict.heardLines} heard`,
  );
  for (const problem of problems) stage.say(`WRONG: ${problem}`);
  const holds = problems.length === 0;
  stage.say(holds ? "The transcript holds: no gap, no repeat, every acknowledged line heard once" : "The transcript does not hold");
  return holds;
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}

function replicasText(vm: Vm): string {
  return vm.status.replicas
    .filter((replica) => replica.state === "live")
    .map((replica) => `${replica.role} on ${replica.workerName}`)
    .join(", ");
}

/** The live view: our lines and the guest's, told apart, in a terminal and in a pipe. */
class Stage {
  private readonly shell: Shell;
  private readonly colours: boolean;
  private readonly startedAtMs = performance.now();

  constructor(shell: Shell) {
    this.shell = shell;
    this.colours = (shell.stdout as { isTTY?: boolean }).isTTY === true;
  }

  say(text: string): void {
    const seconds = ((performance.now() - this.startedAtMs) / 1000).toFixed(1).padStart(6);
    const line = text === "" ? "" : `${seconds}s  ${text}`;
    print(this.shell, this.colours ? `\x1b[1m${line}\x1b[0m` : line);
  }

  guest(line: string): void {
    const plain = line.replace(/\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f]/g, "");
    print(this.shell, this.colours ? `          \x1b[2m| ${plain}\x1b[0m` : `          | ${plain}`);
  }
}
