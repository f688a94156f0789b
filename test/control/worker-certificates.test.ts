/**
 * How workers join over TLS: whom they trust, what they are certified for, what a certificate is good for, and who is refused. A real
 * control plane with its database, the worker's own way to a certificate, and real worker processes with a pair between them.
 */
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { sql } from "drizzle-orm";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import type { Vm } from "../../src/control/schemas/vm.ts";
import { CertificateAuthority, createAuthority } from "../../src/pki/certificate-authority.ts";
import { CONTROL_PLANE_IDENTITY } from "../../src/pki/identity.ts";
import { createSigningRequest } from "../../src/pki/signing-request.ts";
import { clientOptions, type TlsCredentials, UNVERIFIED } from "../../src/pki/tls-peer.ts";
import { CONTROL_PROTOCOL } from "../../src/wire/control-messages.ts";
import { CERTIFICATES_PATH } from "../../src/wire/join-messages.ts";
import { type ControlAccess, readText, requestControl } from "../../src/worker/control-requests.ts";
import { createWorkerLog } from "../../src/worker/log.ts";
import { dialLoggingChannel } from "../../src/worker/logging-channel-socket.ts";
import { WorkerCredentials } from "../../src/worker/worker-credentials.ts";
import { credentialsOf, HOUR_MS, newAuthority } from "../pki/authority.ts";
import { guestImage } from "../worker/guest-program.ts";
import { WorkerProcess } from "../worker/worker-process.ts";
import { ControlUnderTest, type ControlUnderTestOptions, JOIN_TOKEN } from "./support/control-under-test.ts";
import { makeImageStore } from "./support/image-store.ts";

/** Of all tests that want nothing special; each has worker names of its own. */
let control: ControlUnderTest;
beforeAll(async () => {
  control = await ControlUnderTest.start({ secure: true });
  return () => control.close();
});

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const another = (options: ControlUnderTestOptions) => ControlUnderTest.ofTest({ secure: true, ...options });

function channelUrl({ internalUrl } = control): URL {
  return new URL("/internal/v1/workers", internalUrl.replace(/^http/, "ws"));
}

/** The worker's own way to a certificate, in this process. */
function credentialsAt(url: URL, name: string, joinToken = JOIN_TOKEN, certificateAuthority: string | null = null): WorkerCredentials {
  const log = createWorkerLog(name, "silent");
  const credentials = new WorkerCredentials({ controlUrls: [url], name, joinToken, certificateAuthority, log });
  cleanups.push(() => credentials.stop());
  return credentials;
}

interface Answered {
  readonly status: number;
  readonly body: { readonly code?: string; readonly detail?: string; readonly reason?: string } & Record<string, unknown>;
}

async function ask(path: string, access: ControlAccess, body?: unknown): Promise<Answered> {
  const method = body === undefined ? "GET" : "POST";
  const response = await requestControl(channelUrl(), path, { method, access, ...(body === undefined ? {} : { body }) });
  return { status: response.statusCode ?? 0, body: JSON.parse(await readText(response)) };
}

const showing = (tls: TlsCredentials): ControlAccess => ({ headers: {}, tls: clientOptions(tls, CONTROL_PLANE_IDENTITY) });

/** A hello over the control channel: what is answered, or the HTTP status of a channel that is not opened. */
async function sayHello(name: string, { headers, tls }: ControlAccess, at = control): Promise<Record<string, unknown>> {
  const socket = new WebSocket(channelUrl(at), { ...tls, headers });
  cleanups.push(() => socket.terminate());
  const answer = new Promise<Record<string, unknown>>((resolve, reject) => {
    socket.on("message", (data) => resolve(JSON.parse(String(data))));
    socket.on("unexpected-response", (_request, response) => {
      void readText(response).then((text) => resolve({ status: response.statusCode, ...JSON.parse(text) }));
    });
    socket.on("error", reject);
  });
  socket.on("open", () =>
    socket.send(
      JSON.stringify({
        type: "hello",
        protocol: CONTROL_PROTOCOL,
        name,
        incarnation: randomUUID(),
        pid: 1,
        host: "host",
        zone: null,
        loggingAddress: { host: "127.0.0.1", port: 1 },
        loggingTls: true,
        memoryMiB: 1024,
        cores: 2,
        version: "0",
        nodeVersion: "v20",
        buildDigest: "00",
        replicas: [],
      }),
    ),
  );
  return answer;
}

describe("a worker's way to a certificate", () => {
  test("begins with the join token alone, and leads to a control channel as the worker of its name", async () => {
    const tls = await credentialsAt(channelUrl(), "joining").obtain();
    const welcome = await sayHello("joining", showing(tls));
    expect(welcome).toMatchObject({ type: "welcome", workerId: expect.stringMatching(/^wrk_/) });
    expect(tls.cert).toContain(tls.ca.trim());
    // The same name is the same worker: at its next start, too.
    const again = await credentialsAt(channelUrl(), "joining").obtain();
    expect(again.cert).not.toBe(tls.cert);
    const certified = control.log.filter(({ msg, worker }) => msg === "worker certified" && worker === "joining");
    expect(certified.map(({ workerId }) => workerId)).toEqual([welcome["workerId"], welcome["workerId"]]);
  });

  test("begins anew where a control plane does not take the certificate, and connections are told of the next one", async () => {
    const credentials = credentialsAt(channelUrl(), "begins-anew");
    const told: TlsCredentials[] = [];
    const next = new Promise<void>((resolve) => credentials.onCertified((tls) => void (told.push(tls) === 2 && resolve())));
    const first = await credentials.obtain();
    credentials.rejected();
    await next;
    expect(told[0]).toBe(first);
    expect(await credentials.obtain()).toBe(told[1]);
    expect(credentials.access(channelUrl()).tls.cert).toBe(told[1]?.cert);
    const certified = control.log.filter(({ msg, worker }) => msg === "worker certified" && worker === "begins-anew");
    expect(certified.map(({ renewed }) => renewed)).toEqual([false, false]);
  });

  test("ends at a control plane that does not know the join token, which it does not hear", async () => {
    await expect(credentialsAt(channelUrl(), "wrong-token", "usj_another").obtain()).rejects.toMatchObject({
      code: "join_refused",
      details: { reason: "join_token_wrong" },
    });
    expect(JSON.stringify(control.log)).not.toContain("usj_another");
    expect(control.log.some(({ code }) => code === "join_token_wrong")).toBe(false);
  });

  test("ends at a control plane of another authority than the one in its file", async () => {
    const { certificate } = await createAuthority(Date.now());
    await expect(credentialsAt(channelUrl(), "wrong-authority", JOIN_TOKEN, certificate).obtain()).rejects.toMatchObject({
      code: "certificate_untrusted",
    });
    expect(control.log.some(({ worker }) => worker === "wrong-authority")).toBe(false);
  });

  test("ends at a server that is no control plane, before anything is said to it", async () => {
    const heard: string[] = [];
    const server = createHttpServer().listen(0, "127.0.0.1");
    cleanups.push(() => server.close());
    server.on("connection", (socket) => socket.on("data", (chunk: Buffer) => heard.push(chunk.toString("latin1"))));
    await once(server, "listening");
    const url = new URL(`wss://127.0.0.1:${(server.address() as { port: number }).port}/internal/v1/workers`);
    await expect(credentialsAt(url, "nobody").obtain()).rejects.toMatchObject({ code: "plaintext_peer" });
    expect(heard.join("")).not.toContain(JOIN_TOKEN);
  });

  test("is the same at every control plane of a database, which keeps the authority's key sealed", async () => {
    const second = await another({ connection: control.connection });
    const [one, other] = await Promise.all([control, second].map((each) => credentialsAt(channelUrl(each), "shared").obtain()));
    expect(one?.ca).toBe(other?.ca);
    expect(await sayHello("shared", showing(one as TlsCredentials), second)).toMatchObject({ type: "welcome" });
    const { rows } = await control.parts.database.db.execute<{ sealed_private_key: string }>("SELECT * FROM certificate_authority");
    expect(rows).toHaveLength(1);
    expect(rows[0]?.sealed_private_key).not.toContain("PRIVATE KEY");
    await expect(another({ connection: control.connection, joinToken: "usj_another" })).rejects.toThrow(/sealed with another join token/);
  });

  test("leads to an authority of one's own, where there is one", async () => {
    const material = await createAuthority(Date.now());
    const own = await another({ authority: material });
    const tls = await credentialsAt(channelUrl(own), "own-authority", JOIN_TOKEN, material.certificate).obtain();
    expect(tls.ca).toBe(material.certificate);
    expect(await sayHello("own-authority", showing(tls), own)).toMatchObject({ type: "welcome" });
    const authority = await CertificateAuthority.open(material);
    for (const [hours, reason] of [
      [-2, "certificate_expired"],
      [2, "certificate_not_yet_valid"],
    ] as const) {
      const untimely = await credentialsOf(authority, "wrk_1", hours * HOUR_MS);
      expect(await sayHello("own-authority", showing(untimely), own)).toMatchObject({ status: 401, reason });
    }
    const impostor = await authority.credentialsFor({ identity: CONTROL_PLANE_IDENTITY, ttlMs: HOUR_MS, nowMs: Date.now(), use: "peer" });
    expect(await sayHello("own-authority", showing(impostor), own)).toMatchObject({ status: 401, reason: "certificate_of_another" });
  });

  test("is there on a loopback without TLS, too, for logging channels to other hosts", async () => {
    const plain = await another({ secure: false });
    const tls = await credentialsAt(channelUrl(plain), "plain").obtain();
    const welcome = await sayHello("plain", { headers: { authorization: `Bearer ${JOIN_TOKEN}` }, tls: {} }, plain);
    expect(tls.cert).toContain("BEGIN CERTIFICATE");
    expect(plain.log.find(({ msg }) => msg === "worker certified")?.["workerId"]).toBe(welcome["workerId"]);
    await expect(credentialsAt(channelUrl(plain), "plain", "usj_another").obtain()).rejects.toThrow(/the join token is missing or wrong/);
  });
});

const NO_BLOB = `/internal/v1/blobs/sha256:${"0".repeat(64)}`;

describe("the internal listener over TLS refuses", () => {
  test("a worker that claims to be another one than its certificate says", async () => {
    const tls = await credentialsAt(channelUrl(), "claiming").obtain();
    await credentialsAt(channelUrl(), "claiming-too").obtain();
    expect(await sayHello("claiming-too", showing(tls))).toMatchObject({ type: "refused", code: "certificate_of_another" });
    expect(control.log.find(({ code }) => code === "certificate_of_another")).toMatchObject({ level: 40, worker: "claiming-too" });
    const { request } = await createSigningRequest("claiming-too");
    expect(await ask(CERTIFICATES_PATH, showing(tls), { name: "claiming-too", request })).toMatchObject({
      status: 401,
      body: { reason: "certificate_revoked" },
    });
  });

  test("the join token in the place of a certificate, and certificates that are missing, or of another authority", async () => {
    const { ca } = await credentialsAt(channelUrl(), "presenting").obtain();
    const stranger = await credentialsOf(await newAuthority(), "wrk_1");
    const token = { headers: { authorization: `Bearer ${JOIN_TOKEN}` }, tls: clientOptions({ ca }, CONTROL_PLANE_IDENTITY) };
    for (const path of ["/internal/v1/workers", NO_BLOB]) {
      expect(await ask(path, token)).toMatchObject({ status: 401, body: { reason: "certificate_missing" } });
      expect(await ask(path, showing({ ...stranger, ca }))).toMatchObject({
        status: 401,
        body: { reason: "certificate_untrusted" },
      });
    }
    expect(await sayHello("presenting", token)).toMatchObject({ status: 401, reason: "certificate_missing" });
    const { request } = await createSigningRequest("presenting");
    const wrong = { headers: { authorization: "Bearer usj_wrong" }, tls: UNVERIFIED };
    expect(await ask(CERTIFICATES_PATH, wrong, { name: "presenting", request })).toMatchObject({
      status: 401,
      body: { reason: "join_token_wrong" },
    });
    for (const body of [{ name: "presenting" }, { name: "Worker One", request }, { name: "presenting", request: "none" }])
      expect(await ask(CERTIFICATES_PATH, token, body)).toMatchObject({ status: 422 });
    expect(await ask("/internal/v1/certificate-authority?nonce=12", token)).toMatchObject({ status: 422 });
  });

  test("a worker that is fenced, and one that was deleted until it joins anew as another", async () => {
    const tls = await credentialsAt(channelUrl(), "leaving").obtain();
    const { workerId } = await sayHello("leaving", showing(tls));
    expect(await ask(NO_BLOB, showing(tls))).toMatchObject({ status: 404 });
    expect((await control.call("POST", "/v1/workers/leaving/fence?wait=60")).body).toMatchObject({ state: "succeeded" });
    const { request } = await createSigningRequest("leaving");
    const renewal = { name: "leaving", request };
    expect(await ask(CERTIFICATES_PATH, showing(tls), renewal)).toMatchObject({ status: 409, body: { reason: "fenced" } });
    expect(await ask(NO_BLOB, showing(tls))).toMatchObject({ status: 401, body: { reason: "certificate_revoked" } });
    expect(await sayHello("leaving", showing(tls))).toMatchObject({ type: "refused", code: "fenced" });
    await expect(credentialsAt(channelUrl(), "leaving").obtain()).rejects.toMatchObject({ details: { reason: "fenced" } });

    expect((await control.call("DELETE", "/v1/workers/leaving")).status).toBeLessThan(300);
    expect(await ask(CERTIFICATES_PATH, showing(tls), renewal)).toMatchObject({
      status: 401,
      body: { reason: "certificate_revoked" },
    });
    expect(await sayHello("leaving", showing(tls))).toMatchObject({ type: "refused", code: "certificate_revoked" });
    const next = await credentialsAt(channelUrl(), "leaving").obtain();
    const welcome = await sayHello("leaving", showing(next));
    expect(welcome).toMatchObject({ type: "welcome" });
    expect(welcome["workerId"]).not.toBe(workerId);
    expect(await ask(CERTIFICATES_PATH, showing(tls), renewal)).toMatchObject({ status: 401 });
  });

  test("who speaks no TLS, and says so in its log", async () => {
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(control.internalUrl).port) });
    socket.on("error", () => undefined);
    socket.write(`GET /internal/v1/workers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${JOIN_TOKEN}\r\n\r\n`);
    await once(socket, "close");
    expect(control.log.find(({ code }) => code === "plaintext_peer")).toMatchObject({ level: 40 });
  });
});

/** A number from its console every tenth of a second of the guest's time: the pair is there for half a minute. */
const KERNEL = guestImage({ periodTicks: 1_000_000, busy: false });

describe("worker processes over TLS", () => {
  function startWorker(at: ControlUnderTest, name: string, env: NodeJS.ProcessEnv = {}): WorkerProcess {
    const worker = WorkerProcess.start(
      name,
      { url: channelUrl(at).href },
      { UNDERSTUDY_JOIN_TOKEN: JOIN_TOKEN, UNDERSTUDY_TLS: "always", ...env },
    );
    cleanups.push(async () => {
      worker.signal("SIGKILL");
      await worker.exited;
    });
    return worker;
  }

  test("protect a VM, renew their certificates without disturbing it, and pair again with the new ones", async () => {
    const images = await makeImageStore("debian", 96, KERNEL);
    // Renewed after twelve seconds: a host that takes six more for it has its workers join by their token again.
    const renewing = await another({ images, settings: { certificateTtlSeconds: 18, heartbeatTimeoutMs: 60_000, maxLagMs: 60_000 } });
    const workers = ["worker-1", "worker-2"].map((name) => startWorker(renewing, name));
    for (const worker of workers) await worker.says(/joined the control plane at wss:/);
    const { id } = await renewing.createVm("web");
    const before = await renewing.waitFor(id, "protected");
    for (const worker of workers) await worker.says(/certificate renewed/);
    const after = await renewing.vmThat(id, () => true);
    expect([after.status.term, after.status.protection.state]).toEqual([before.status.term, "protected"]);

    const backupOf = ({ status }: Vm) => status.replicas.find(({ role, state }) => role === "backup" && state === "live")?.id;
    const first = backupOf(after);
    // Somebody else with a good certificate, who knows the secret, is not the worker that the control plane has named.
    const { rows } = await renewing.parts.database.db.execute<
      Record<"secret" | "worker" | "host" | "primary", string> & { port: number }
    >(sql`
      SELECT r.channel_secret AS secret, w.id AS worker, w.logging_host AS host, w.logging_port AS port, v.primary_replica AS primary
      FROM replicas r JOIN workers w ON w.id = r.worker_id JOIN vms v ON v.id = r.vm_id WHERE r.id = ${first}`);
    const { secret = "", worker: workerId = "", host = "", port = 0, primary = "" } = rows[0] ?? {};
    const hello = { vmId: id, from: primary, to: String(first), channelSecret: secret, buildDigest: "" };
    const credentials = await credentialsAt(channelUrl(renewing), "impostor").obtain();
    const dialled = dialLoggingChannel({ host, port }, hello, new AbortController().signal, { credentials, workerId });
    await expect(dialled).rejects.toMatchObject({ refusal: "certificate_refused" });

    expect((await renewing.call("POST", `/v1/vms/${id}/replicas/${first}/restart`, {})).status).toBe(202);
    await renewing.vmThat(id, (vm) => vm.status.protection.state === "protected" && ![undefined, first].includes(backupOf(vm)));
    // The second time the control plane's own first certificate is over, too.
    const renewals = ({ log }: WorkerProcess) => log.filter(({ msg }) => msg === "certificate renewed").length;
    for (const worker of workers) await expect.poll(() => renewals(worker), { timeout: 240_000 }).toBeGreaterThan(1);
  });

  /** A worker's way to its control plane, and to nobody else, that can be cut: as where a network is. */
  async function cuttableWay(at: ControlUnderTest): Promise<{ readonly url: string; cut(): void }> {
    const target = channelUrl(at);
    const sockets = new Set<Socket>();
    const server = createServer((from) => {
      const to = connect(Number(target.port), target.hostname);
      for (const [socket, other] of [
        [from, to],
        [to, from],
      ] as const) {
        sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => other.destroy());
      }
      from.pipe(to).pipe(from);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const cut = (): void => {
      server.close();
      for (const socket of sockets) socket.destroy();
    };
    cleanups.push(cut);
    return { url: `wss://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname}`, cut };
  }

  /** Nobody is suspected for silence: what ends a channel is what the test does. */
  const FENCING = { heartbeatTimeoutMs: 60_000, maxLagMs: 60_000 };

  for (const fencedHas of ["backup", "primary"] as const) {
    test(`are cut off from one that is fenced and does not hear of it, where that has the ${fencedHas}`, async () => {
      const fencing = await another({ images: await makeImageStore("debian", 96, KERNEL), settings: FENCING });
      const way = await cuttableWay(fencing);
      const join = async (name: string, env: NodeJS.ProcessEnv = {}): Promise<WorkerProcess> => {
        const worker = startWorker(fencing, name, env);
        await worker.says(/joined the control plane at wss:/);
        return worker;
      };
      const joinDeaf = () => join("deaf", { UNDERSTUDY_CONTROL_URL: way.url });
      const [first, hearing] = fencedHas === "primary" ? [await joinDeaf(), () => join("hearing")] : [await join("hearing"), joinDeaf];
      const { id } = await fencing.createVm("web");
      await fencing.waitFor(id, "running");
      const second = await hearing();
      const before = await fencing.waitFor(id, "protected");
      const [deaf, peer] = fencedHas === "primary" ? [first, second] : [second, first];
      await join("spare");
      const replicaOn = ({ status }: Vm, name: string) => status.replicas.find(({ workerName }) => workerName === name);
      expect(replicaOn(before, "deaf")?.role).toBe(fencedHas);
      // Its certificate was good when it was given, and still is by what it says of itself.
      const credentials = await credentialsAt(channelUrl(fencing), "deaf").obtain();

      const left = once(fencing.parts.workers, "left");
      way.cut();
      await left;
      expect((await fencing.call("POST", "/v1/workers/deaf/fence")).status).toBe(202);
      await peer.says(/channel .* fenced/);
      const after = await fencing.vmThat(id, ({ status }) => status.protection.state === "protected" && status.term > before.status.term);
      expect(
        after.status.replicas
          .filter(({ state }) => state === "live")
          .map(({ workerName }) => workerName)
          .sort(),
      ).toEqual(["hearing", "spare"]);
      await deaf.says(/logging channel closed by the peer/);
      expect(deaf.child.exitCode).toBe(null);

      // It dials again, as the replica that it was, with the secret of the one that it was paired with.
      const { rows } = await fencing.parts.database.db.execute<Record<"secret" | "worker" | "host", string> & { port: number }>(sql`
        SELECT r.channel_secret AS secret, w.id AS worker, w.logging_host AS host, w.logging_port AS port
        FROM replicas r JOIN workers w ON w.id = r.worker_id WHERE r.id = ${replicaOn(before, "hearing")?.id}`);
      const { secret = "", worker: workerId = "", host = "", port = 0 } = rows[0] ?? {};
      const from = String(replicaOn(before, "deaf")?.id);
      const hello = { vmId: id, from, to: String(replicaOn(before, "hearing")?.id), channelSecret: secret, buildDigest: "" };
      const dialled = dialLoggingChannel({ host, port }, hello, new AbortController().signal, { credentials, workerId });
      await expect(dialled).rejects.toMatchObject({ refusal: "worker_fenced" });
    });
  }

  test("end with exit code 1 and the reason, where they are not to be had", async () => {
    const { certificate } = await createAuthority(Date.now());
    const file = join(control.images.dir, "another-authority.pem");
    writeFileSync(file, certificate);
    const cases = [
      { env: { UNDERSTUDY_JOIN_TOKEN: "usj_wrong" }, code: "join_refused", says: /does not prove that it knows the join token/ },
      { env: { UNDERSTUDY_CA_FILE: file }, code: "certificate_untrusted", says: /of another certificate authority/ },
      { env: { UNDERSTUDY_TLS: "never" }, code: "bad_setting", says: /ws:\/\/, since UNDERSTUDY_TLS is never/ },
    ];
    const ended = cases.map(async ({ env, code, says }, index) => {
      const worker = startWorker(control, `worker-${index}`, env);
      expect(await worker.exited).toEqual({ code: 1, signal: null });
      expect(worker.log.at(-1)).toMatchObject({ level: 60, code });
      expect(worker.log.at(-1)?.msg).toMatch(says);
    });
    await Promise.all(ended);
  });
});
