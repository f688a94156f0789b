/** TLS at the public API: calls, events and consoles over it, by clients that trust its authority; and another certificate without a restart. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { pino } from "pino";
import { beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { UnderstudyError } from "../../src/base/errors.ts";
import { ApiCertificate } from "../../src/control/api-certificate.ts";
import { type AuthorityMaterial, createAuthority } from "../../src/pki/certificate-authority.ts";
import { hostCertificate } from "../pki/authority.ts";
import { ControlPlaneProcess } from "./support/control-plane-process.ts";
import { databaseUrl } from "./support/database.ts";
import { makeImageStore } from "./support/image-store.ts";
import { databaseOfTest } from "./support/shared-databases.ts";

const dist = (name: string) => fileURLToPath(new URL(`../../dist/${name}`, import.meta.url));
const TOKEN = "ust_of_the_tls_test";

let folder: string;
let authority: AuthorityMaterial;
let files: { readonly certificate: string; readonly privateKey: string; readonly trusted: string };

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "understudy-api-tls-"));
  authority = await createAuthority(Date.now());
  files = { certificate: join(folder, "tls.crt"), privateKey: join(folder, "tls.key"), trusted: join(folder, "authority.pem") };
  await writeFile(files.trusted, authority.certificate);
  return () => rm(folder, { recursive: true });
});
beforeEach(() => renew("01"));

/** Whole files take the place of the old ones, as whoever renews certificates has it. */
async function put(path: string, text: string): Promise<void> {
  await writeFile(`${path}.next`, text);
  await rename(`${path}.next`, path);
}

async function renew(serialNumber: string): Promise<void> {
  const { cert, key } = await hostCertificate(authority, serialNumber);
  await put(files.privateKey, key);
  await put(files.certificate, cert);
}

/** Serial number of the certificate that a connection from now on is shown, once it was verified. */
async function shown(port: number): Promise<string> {
  const socket = connectTls({ port, host: "127.0.0.1", ca: authority.certificate });
  await once(socket, "secureConnect");
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

/** A program of a user's, with the SDK: each line that it is given has it make a VM, and tell of what it hears over the stream and the socket. */
const USER = `
  import { createInterface } from "node:readline";
  const { Understudy } = await import(process.argv[1]);
  const understudy = new Understudy({ maxRetries: 0 });
  const tell = (what) => process.stdout.write(JSON.stringify(what) + "\\n");
  tell((await understudy.version()).service);
  const events = understudy.events.watch({ types: ["vm.created"], after: 0n });
  for await (const name of createInterface({ input: process.stdin })) {
    const vm = await understudy.vms.create({ name, image: "debian" });
    tell((await events.next()).value.type);
    const console = await vm.console.attach({ mode: "write" });
    tell([name, String(console.offset)]);
    await console.close();
  }
  process.exit(0);`;

class User {
  private readonly lines: AsyncIterator<string>;

  constructor(readonly child: ChildProcess) {
    this.lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    child.stderr?.on("data", (chunk: Buffer) => process.stderr.write(chunk));
  }

  async tells(): Promise<unknown> {
    const { value, done } = await this.lines.next();
    if (done === true) throw new Error("the user's program ended");
    return JSON.parse(value);
  }
}

test("calls, events and consoles go over TLS, and on over a new certificate; who does not trust it is told how", async () => {
  const images = await makeImageStore();
  const env = {
    DATABASE_URL: databaseUrl(await databaseOfTest()),
    UNDERSTUDY_DATA_DIR: join(folder, "data"),
    UNDERSTUDY_IMAGE_STORE: images.dir,
    UNDERSTUDY_TOKEN: TOKEN,
  };
  const control = new ControlPlaneProcess(folder, env, ["--tls-cert", files.certificate, "--tls-key", files.privateKey]);
  onTestFinished(async () => {
    control.child.kill("SIGTERM");
    await control.end();
    await rm(images.dir, { recursive: true });
  });
  const url = (await control.line("understudy control plane listening"))["url"] as string;
  expect(url).toMatch(/^https:/);
  const port = Number(new URL(url).port);
  expect(await shown(port)).toBe("01");

  const client = { PATH: process.env["PATH"], HOME: folder, UNDERSTUDY_API_URL: url, UNDERSTUDY_TOKEN: TOKEN };
  const cli = (more: Record<string, string>) =>
    promisify(execFile)(process.execPath, [dist("understudy.mjs"), "whoami"], { cwd: folder, env: { ...client, ...more } });
  const trusting = { NODE_EXTRA_CA_CERTS: files.trusted };
  expect((await cli(trusting)).stdout).toContain("given");
  const said = (words: string) => ({ code: 1, stderr: expect.stringContaining(words) as string });
  await expect(cli({})).rejects.toMatchObject(said("NODE_EXTRA_CA_CERTS=FILE"));
  await expect(cli({ UNDERSTUDY_API_URL: url.replace("https:", "http:") })).rejects.toMatchObject(said("its URL begins with https:"));

  const program = ["--input-type=module", "-e", USER, new URL("../../dist/sdk/index.mjs", import.meta.url).href];
  const user = new User(
    spawn(process.execPath, program, { cwd: folder, env: { ...client, ...trusting }, stdio: ["pipe", "pipe", "pipe"] }),
  );
  expect(await user.tells()).toBe("understudy");
  user.child.stdin?.write("first\n");
  expect(await user.tells()).toBe("vm.created");
  expect(await user.tells()).toEqual(["first", "0"]);

  await renew("02");
  control.child.kill("SIGHUP");
  expect(await control.line("another certificate")).toMatchObject({ serialNumber: "02" });
  expect(await shown(port)).toBe("02");
  // Its event stream is of before; its console is a connection of after.
  user.child.stdin?.end("second\n");
  expect(await user.tells()).toBe("vm.created");
  expect(await user.tells()).toEqual(["second", "0"]);

  const plain = connect(port, "127.0.0.1");
  plain.write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  plain.on("data", (chunk: Buffer) => expect(chunk.toString("latin1")).not.toContain("HTTP"));
  await once(plain, "close");
  expect(await control.line("speaks no TLS")).toMatchObject({ code: "plaintext_peer" });
});

test("files that change are read again by themselves; a pair that does not fit is not shown", async () => {
  const lines: Record<string, unknown>[] = [];
  let wake = () => {};
  const write = (line: string) => {
    lines.push(JSON.parse(line));
    wake();
  };
  const log = pino({}, { write });
  const told = async (serialOrCode: string) => {
    while (![lines.at(-1)?.["serialNumber"], lines.at(-1)?.["code"]].includes(serialOrCode))
      await new Promise<void>((done) => (wake = done));
  };
  const server: Server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const certificate = new ApiCertificate(files, log, 20);
  onTestFinished(() => {
    certificate.close();
    server.close();
  });
  certificate.serve(server);
  await told("01");
  await renew("02");
  await told("02");
  expect(await shown(port)).toBe("02");
  const { cert, key } = await hostCertificate(authority, "03");
  await put(files.certificate, cert);
  await told("bad_setting");
  expect(await shown(port)).toBe("02");
  await put(files.privateKey, key);
  await told("03");
  expect(await shown(port)).toBe("03");
  await put(files.privateKey, "no key");
  await told("bad_setting");
  expect(() => new ApiCertificate(files, log)).toThrow(UnderstudyError);
  expect(() => new ApiCertificate(files, log)).toThrow(/^Cannot use UNDERSTUDY_TLS_CERT and UNDERSTUDY_TLS_KEY: .*PEM$/s);
});
