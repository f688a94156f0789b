/** The command line itself, by the program as it is shipped: contexts and what goes over what, completion, examples, the raw call. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EXAMPLES, leavesOf } from "../../src/cli/examples.ts";
import { createProgram } from "../../src/cli/program.ts";
import { FakeUnderstudy } from "../../src/sdk/testing/index.ts";
import { CapturedShell } from "./captured-shell.ts";

const PROGRAM = fileURLToPath(new URL("../../dist/understudy.mjs", import.meta.url));
const run = promisify(execFile);

let home: string;
let fake: FakeUnderstudy;
let other: FakeUnderstudy;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "understudy-home-"));
  fake = await FakeUnderstudy.start({ token: "first" });
  other = await FakeUnderstudy.start({ token: "second" });
});
afterAll(async () => {
  await fake.close();
  await other.close();
  await rm(home, { recursive: true });
});

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program in a process of its own, of a user whose home is empty at first. */
async function understudy(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const options = { cwd: home, env: { PATH: process.env["PATH"], HOME: home, ...env } };
  try {
    return { code: 0, ...(await run(process.execPath, [PROGRAM, ...argv], options)) };
  } catch (error) {
    return error as Ended & Error;
  }
}

/** The shell by itself, in which `understudy` is the program. */
async function inShell(shell: string, argv: readonly string[]): Promise<{ readonly stdout: string }> {
  const folder = await mkdtemp(join(home, "bin-"));
  await writeFile(join(folder, "understudy"), `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`, { mode: 0o755 });
  return await run(shell, [...argv], {
    cwd: home,
    timeout: 120_000,
    env: { PATH: `${folder}:${process.env["PATH"]}`, HOME: home, TERM: "dumb" },
  });
}

function installed(shell: string): boolean {
  if (existsSync(`/usr/bin/${shell}`)) return true;
  process.stderr.write(`\nSKIPPED: completion in ${shell}, for Debian's package ${shell} is not installed and apt cannot install it\n\n`);
  return false;
}

describe("contexts", () => {
  it("are made, listed, used and forgotten, in a file that is its owner's alone", async () => {
    expect((await understudy(["context", "ls", "-o", "json"])).stdout).toBe("[]\n");
    await understudy(["context", "set", "first", "--url", fake.url, "--token", "first"]);
    await writeFile(join(home, "second.token"), "second\n");
    await understudy(["context", "set", "second", "--url", other.url, "--token-file", "second.token"]);
    await understudy(["context", "set", "third", "--url", other.url]);
    const file = join(home, ".config/understudy/config.toml");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).toContain(`[contexts.second]\nurl = "${other.url}"\ntoken-file = "${home}/second.token"`);
    const used = await understudy(["context", "use", "second"]);
    expect([used.code, used.stdout, used.stderr]).toEqual([0, "", `Using second, ${other.url}\n`]);
    expect((await understudy(["context", "rm", "third"])).code).toBe(0);
    const { stdout } = await understudy(["context", "ls", "-o", "wide"]);
    expect(stdout).toMatch(/^CURRENT +NAME +URL +TOKEN\n +first +http\S+ +in the file\n\* +second +http\S+ +\S+second\.token\n$/);
    expect((await understudy(["context", "ls", "-o", "name"])).stdout).toBe("first\nsecond\n");
    const missing = await understudy(["context", "use", "third"]);
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining("there are: first, second")]);
  });

  it("come after the environment, which comes after flags", async () => {
    await created(fake, "of-first");
    await created(other, "of-second");
    const names = async (argv: readonly string[], env = {}) => (await understudy([...argv, "vm", "ls", "-o", "name"], env)).stdout;
    const first = { UNDERSTUDY_API_URL: fake.url, UNDERSTUDY_TOKEN: "first" };
    expect(await names([])).toBe("of-second\n");
    expect(await names(["--context", "first"])).toBe("of-first\n");
    expect(await names([], { UNDERSTUDY_CONTEXT: "first" })).toBe("of-first\n");
    expect(await names(["--context", "second"], { UNDERSTUDY_CONTEXT: "first" })).toBe("of-second\n");
    expect(await names([], first)).toBe("of-first\n");
    expect(await names(["--url", other.url, "--token-file", "second.token"], first)).toBe("of-second\n");
    const wrong = await understudy(["--token", "wrong", "vm", "ls"]);
    expect([wrong.code, wrong.stdout]).toEqual([6, ""]);
    expect(await names([], { ...first, UNDERSTUDY_PROJECT: "default" })).toBe("of-first\n");
    const elsewhere = await understudy(["vm", "ls"], { ...first, UNDERSTUDY_PROJECT: "other" });
    expect([elsewhere.code, elsewhere.stderr]).toEqual([
      2,
      expect.stringContaining('Cannot use the project "other" of UNDERSTUDY_PROJECT'),
    ]);
  });

  it("are not set to a URL or a token that cannot be used", async () => {
    for (const [argv, says] of [
      [["--url", "notaurl"], 'Cannot use the URL "notaurl" of --url'],
      [["--url", "localhost:8080"], "it has to begin with http:// or https://"],
      [["--token", "two words"], "Cannot use the token of --token"],
    ] as const) {
      const { code, stderr } = await understudy(["context", "set", "wrong", ...argv]);
      expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
    }
    expect((await understudy(["context", "ls", "-o", "name"])).stdout).not.toContain("wrong");
  });

  it("of a file that cannot be read are refused, with its name and what is wrong", async () => {
    const folder = await mkdtemp(join(tmpdir(), "understudy-config-"));
    const with_ = async (text: string) => {
      await run("mkdir", ["-p", join(folder, "understudy")]);
      await writeFile(join(folder, "understudy/config.toml"), text);
      return understudy(["vm", "ls"], { XDG_CONFIG_HOME: folder });
    };
    for (const [text, says] of [
      ["contexts = [", "config.toml: Invalid TOML"],
      ['colour = "red"', 'no setting "colour"'],
      ['current-context = "a"', 'Cannot find the context "a"'],
      ["[contexts.a]\nurl = 7", "contexts.a.url is text"],
      ['current-context = "a"\n[contexts.a]\nurl = "notaurl"', 'Cannot use the URL "notaurl" of the context'],
    ] as const) {
      const { code, stderr } = await with_(text);
      expect([code, stderr]).toEqual([2, expect.stringContaining(says)]);
    }
    await rm(folder, { recursive: true });
  });
});

function created(service: FakeUnderstudy, name: string): Promise<{ readonly id: string }> {
  const body = JSON.stringify({ name, spec: { image: "debian" } });
  const headers = { authorization: `Bearer ${service.token}`, "content-type": "application/json" };
  return fetch(`${service.url}/v1/vms`, { method: "POST", headers, body }).then((answer) => answer.json() as Promise<{ id: string }>);
}

describe("api", () => {
  const at = () => ["--url", fake.url, "--token", "first"];

  it("prints what is answered, and sends what it is given", async () => {
    const listed = await understudy([...at(), "api", "get", "/v1/images"]);
    expect((JSON.parse(listed.stdout) as { items: { name: string }[] }).items[0]?.name).toBe("debian");
    const made = await understudy([
      ...at(),
      "api",
      "POST",
      "/v1/vms",
      "-d",
      '{"name":"raw","spec":{"image":"debian"}}',
      "-H",
      "Request-Id: mine",
    ]);
    expect(JSON.parse(made.stdout)).toMatchObject({ name: "raw", status: { state: "provisioning" } });
    const asked = fake.requests.findLast(({ method }) => method === "POST");
    expect(asked?.headers).toMatchObject({
      "request-id": "mine",
      "content-type": "application/json",
      "idempotency-key": expect.any(String) as string,
    });
    await writeFile(join(home, "patch.json"), '{"labels":{"a":"b"}}');
    expect(JSON.parse((await understudy([...at(), "api", "PATCH", "/v1/vms/raw", "-d", "@patch.json"])).stdout)).toMatchObject({
      labels: { a: "b" },
    });
  });

  it("ends as every command where it is refused", async () => {
    const { code, stdout, stderr } = await understudy([...at(), "api", "GET", "/v1/vms/nobody"]);
    expect([code, stdout, stderr]).toEqual([3, "", expect.stringContaining('Cannot find the VM "nobody"')]);
    expect((await understudy([...at(), "api", "GET", "v1/vms"])).code).toBe(2);
    expect((await understudy([...at(), "api", "BREW", "/v1/vms"])).code).toBe(2);
  });
});

describe("completion", () => {
  const complete = async (...words: string[]) => (await understudy(["__complete", "--", ...words])).stdout.split("\n").slice(0, -1);

  it("knows commands, options, and what options and arguments may be", async () => {
    expect(await complete("wor")).toEqual(["worker"]);
    expect(await complete("vm", "re")).toEqual(["replica", "resume", "reset"]);
    expect(await complete("vm", "ls", "-o", "")).toEqual(["table", "wide", "json", "name"]);
    expect(await complete("--url", "http://x", "vm", "failover", "web", "--mode", "p")).toEqual(["planned"]);
    expect(await complete("vm", "create", "web", "--wait", "f")).toEqual(["fully_protected"]);
    expect(await complete("vm", "create", "web", "--wait", "--tim")).toEqual(["--timeout"]);
    expect(await complete("vm", "create", "--me")).toEqual(["--memory"]);
    expect(await complete("vm", "ls", "--state", "st")).toEqual(["starting", "stopping", "stopped"]);
    expect(await complete("vm", "ls", "--protection", "s")).toEqual(["suspended", "syncing"]);
    expect(await complete("token", "create", "ci", "--scope", "vms:")).toEqual(["vms:read", "vms:write", "vms:delete"]);
    expect(await complete("completion", "")).toEqual(["bash", "zsh", "fish"]);
    expect(await complete("vm", "ls", "--nothing")).toEqual([]);
    expect(await complete("")).not.toContain("__complete");
  });

  it("works in bash", async () => {
    const script = `
      source <("${process.execPath}" "${PROGRAM}" completion bash)
      understudy() { "${process.execPath}" "${PROGRAM}" "$@"; }
      COMP_WORDS=(understudy vm pro); COMP_CWORD=2; _understudy; echo "\${COMPREPLY[*]}"
      COMP_WORDS=(understudy vm ls -o ""); COMP_CWORD=4; _understudy; echo "\${COMPREPLY[*]}"
      complete -p understudy`;
    const { stdout } = await run("bash", ["-c", script], { env: { PATH: process.env["PATH"], HOME: home } });
    expect(stdout).toBe("protection\ntable wide json name\ncomplete -F _understudy understudy\n");
  });

  /** What is typed, and what it is after the tabulator: one candidate is taken, with none or several nothing is changed. */
  const TYPED: readonly (readonly [string, string])[] = [
    ["understudy wor", "understudy worker "],
    ["understudy vm pro", "understudy vm protection "],
    ["understudy vm ls -o ", "understudy vm ls -o "],
    ["understudy vm get ", "understudy vm get "],
    ["understudy vm create --me", "understudy vm create --memory "],
    ["understudy --url http://x vm failover web --mode p", "understudy --url http://x vm failover web --mode planned "],
  ];
  /** Each completion is a start of the program: on a busy host all of them take five seconds. */
  const SHELL_MS = 30_000;
  const SHELLS = { zsh: installed("zsh"), fish: installed("fish") };

  it.skipIf(!SHELLS.zsh)("works in zsh", { timeout: SHELL_MS }, async () => {
    // An interactive shell on a terminal of its own: the tabulator is pressed, and the line is shown by a key.
    const script = String.raw`
      zmodload zsh/zpty && zpty shell zsh -f -i
      answer() { local got; zpty -r -m shell got "*$1*"; print -r -- "$got" }
      zpty -w shell 'PS1=""; unsetopt prompt_cr prompt_sp; bindkey -e; autoload -Uz compinit && compinit -u -D'
      zpty -w shell 'source <(understudy completion zsh)'
      zpty -w shell 'show() { print; print -r -- "LINE[$BUFFER]"; BUFFER="" }; zle -N show; bindkey "^X" show; print -r -- REA""DY'
      answer READY > /dev/null
      for line in "$@"; do zpty -w -n shell "$line"$'\t\x18'; answer "LINE\[*\]"; done
      zpty -w -n shell $'understudy vm ls -o \x04\x18'; answer "LINE\[*\]"`;
    const { stdout } = await inShell("zsh", ["-f", "-c", script, "zsh", ...TYPED.map(([typed]) => typed)]);
    const lines = [...stdout.matchAll(/LINE\[(.*)\]/g)].map(([, line]) => line);
    expect(lines).toEqual([...TYPED.map(([, completed]) => completed), "understudy vm ls -o "]);
    for (const format of ["table", "wide", "json", "name"]) expect(stdout).toContain(format);
  });

  it.skipIf(!SHELLS.fish)("works in fish", { timeout: SHELL_MS }, async () => {
    const script = `
      understudy completion fish | source
      for line in $argv; complete -C $line; echo .; end`;
    const { stdout } = await inShell("fish", ["--no-config", "-c", script, ...TYPED.map(([typed]) => typed)]);
    const found = stdout.split(".\n").map((candidates) => candidates.split("\n").filter((each) => each !== ""));
    expect(found).toEqual([["worker"], ["protection"], ["json", "name", "table", "wide"], [], ["--memory"], ["planned"], []]);
  });

  it("refuses a shell that it does not know", async () => {
    expect((await understudy(["completion", "tcsh"])).code).toBe(2);
  });
});

describe("the help of every command", () => {
  const program = createProgram(new CapturedShell());
  const leaves = leavesOf(program);

  it("shows examples", async () => {
    expect(leaves.length).toBeGreaterThan(40);
    expect(Object.keys(EXAMPLES).sort()).toEqual(leaves.map(([name]) => name).sort());
    const { code, stdout } = await understudy(["vm", "create", "--help"]);
    expect([code, stdout]).toEqual([0, expect.stringContaining("Examples:\n  understudy vm create web --image debian")]);
  });

  it.each(leaves)("%s: with options and arguments that there are", (name, command) => {
    for (const line of EXAMPLES[name] ?? []) {
      const words =
        (/understudy (?:.*)/.exec(line)?.[0] ?? "")
          .replace(/[)>].*$/, "")
          .trim()
          .match(/'[^']*'|\S+/g) ?? [];
      expect(words.slice(1, 1 + name.split(" ").length).join(" ")).toBe(name);
      const rest = words.slice(1 + name.split(" ").length);
      const flags = [...command.options, ...program.options];
      let operands = 0;
      for (let index = 0; index < rest.length; index++) {
        const word = rest[index] as string;
        if (!word.startsWith("-")) {
          operands++;
          continue;
        }
        const option = flags.find(({ long, short }) => long === word || short === word);
        expect(option, `${line}: there is no ${word}`).toBeDefined();
        const hasValue = option?.required === true || (option?.optional === true && rest[index + 1]?.startsWith("-") === false);
        if (hasValue) index++;
      }
      const { registeredArguments: wanted } = command;
      expect(operands, line).toBeGreaterThanOrEqual(wanted.filter(({ required }) => required).length);
      expect(operands, line).toBeLessThanOrEqual(wanted.some(({ variadic }) => variadic) ? 99 : wanted.length);
    }
  });
});
