/**
 * A control plane that listens: database, migrations, both listeners.
 *
 *     starting --migrated, ports bound--> listening --stop--> draining (waits end, sockets get 1001) --> closed
 */
import { mkdirSync } from "node:fs";
import type { Server } from "node:https";
import { hostname } from "node:os";
import { join } from "node:path";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import type pg from "pg";
import { UnderstudyError } from "../base/errors.ts";
import { isLoopback, speaksTls } from "../base/tls-mode.ts";
import { openTracer } from "../tracing/otlp-tracer.ts";
import { ApiCertificate } from "./api-certificate.ts";
import { buildApp } from "./app.ts";
import { type Configuration, type ListenAddress, maskedConfiguration } from "./configuration.ts";
import { type CreatedControlPlane, createControlPlane } from "./create-control-plane.ts";
import { EmbeddedPostgres } from "./db/embedded-postgres.ts";
import { findMigrations, migrate } from "./db/migrate.ts";
import { isDatabaseUnavailable } from "./db/unavailable.ts";
import { buildInternalApp } from "./internal-app.ts";
import { AUTHORITY_FILES, readPemFiles } from "./pem-files.ts";
import { obtainApiToken, obtainJoinToken } from "./secrets.ts";
import { UnusedConnections } from "./unused-connections.ts";
import { SERVICE_VERSION } from "./version.ts";

/** Requests that have not ended so long after a stop began are cut off. */
const REQUEST_GRACE_MS = 5000;

export interface RunningServer {
  readonly url: string;
  readonly internalUrl: string;
  /** Of the public API; null: it speaks no TLS. */
  readonly readCertificateAgain: (() => void) | null;
  stop(): Promise<void>;
}

/** @throws {UnderstudyError} with a code and what to do; nothing is left running then */
export async function startServer(configuration: Configuration, env: NodeJS.ProcessEnv, log: FastifyBaseLogger): Promise<RunningServer> {
  log.info({ configuration: maskedConfiguration(configuration) }, "effective configuration");
  const closers: (() => Promise<unknown>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.reverse())
      await close().catch((error: unknown) => log.warn({ err: error }, "not everything closed cleanly"));
  };
  try {
    mkdirSync(configuration.dataDir, { recursive: true });
    const { authorityFiles, apiCertificateFiles } = configuration;
    const authority = authorityFiles === null ? null : readPemFiles(authorityFiles, AUTHORITY_FILES);
    const certificate = apiCertificateFiles === null ? null : new ApiCertificate(apiCertificateFiles, log);
    const service = {
      name: "understudy-control-plane",
      version: SERVICE_VERSION,
      attributes: { "host.name": hostname(), "process.pid": process.pid },
    };
    const tracer = await openTracer(configuration.tracing, service, log);
    closers.push(() => tracer.close());
    const joinToken = obtainJoinToken(configuration.joinToken, configuration.joinTokenFile);
    const connection = await connect(configuration, log, closers);
    const control = createControlPlane({ connection, imageStore: configuration.imageStore, log, tracer, settings: configuration.settings });
    closers.push(() => control.close());
    await prepareDatabase(control, configuration, env, log);
    await control.parts.images.store.init();
    const { app } = await buildApp(control.parts, { secure: certificate !== null });
    certificate?.serve(app.server as unknown as Server);
    const unused = new UnusedConnections(app.server);
    closers.push(async () => certificate?.close());
    const secure = speaksTls(configuration.tls, configuration.internalListen.host);
    const internal = await buildInternalApp(control.parts, joinToken, { secure, authority });
    closers.push(() => internal.close());
    closers.push(() => app.close());
    await control.start();
    const internalUrl = await listen(internal, secure ? "https" : "http", configuration.internalListen, "UNDERSTUDY_INTERNAL_LISTEN");
    const url = await listen(app, certificate === null ? "http" : "https", configuration.listen, "UNDERSTUDY_LISTEN");
    if (!secure && !isLoopback(configuration.internalListen.host)) {
      log.warn(
        { code: "unencrypted", internalUrl },
        "UNDERSTUDY_TLS=never: the join token and the secrets of all logging channels go over the network unencrypted, and nobody's name is checked",
      );
    }
    if (certificate === null && !isLoopback(configuration.listen.host)) {
      log.warn(
        { code: "unencrypted", url },
        "the public API speaks no TLS: unless a proxy before it does, tokens and consoles go over the network unencrypted. UNDERSTUDY_TLS_CERT and UNDERSTUDY_TLS_KEY give it a certificate",
      );
    }
    log.info(
      { url, internalUrl, tokenFile: configuration.tokenFile, joinTokenFile: configuration.joinTokenFile },
      "understudy control plane listening",
    );
    return {
      url,
      internalUrl,
      readCertificateAgain: certificate === null ? null : certificate.readAgain,
      stop: async () => {
        control.beginStopping();
        unused.close();
        const cut = setTimeout(() => app.server.closeAllConnections(), REQUEST_GRACE_MS);
        await closeAll();
        clearTimeout(cut);
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function connect(configuration: Configuration, log: FastifyBaseLogger, closers: (() => Promise<unknown>)[]): Promise<pg.PoolConfig> {
  if (configuration.databaseUrl !== null) return { connectionString: configuration.databaseUrl };
  const postgres = await EmbeddedPostgres.start({ directory: join(configuration.dataDir, "postgres"), restart: true });
  closers.push(() => postgres.close());
  postgres.on("exited", (reason) => log.error({ reason }, "the embedded database ended"));
  postgres.on("ready", () => log.info({ pid: postgres.processId }, "the embedded database is ready"));
  const { directory, adopted, processId } = postgres;
  log.info(
    { directory, pid: processId, adopted },
    adopted ? "took over the embedded database that a former process left running" : "embedded database started",
  );
  return postgres.connection;
}

async function prepareDatabase(
  control: CreatedControlPlane,
  configuration: Configuration,
  env: NodeJS.ProcessEnv,
  log: FastifyBaseLogger,
): Promise<void> {
  try {
    const { applied, version } = await migrate(control.parts.database, findMigrations(import.meta.url, env));
    log.info({ applied, version }, "database schema is up to date");
    const made = await obtainApiToken(control.parts.database, configuration.token, configuration.tokenFile);
    if (made) log.info({ tokenFile: configuration.token === null ? configuration.tokenFile : null }, "API token registered");
  } catch (cause) {
    if (!isDatabaseUnavailable(cause)) throw cause;
    throw new UnderstudyError(
      "arbiter_unavailable",
      `Cannot start: the database does not answer (${(cause as Error).message}). Check DATABASE_URL and that Postgres runs`,
      {
        cause,
      },
    );
  }
}

/** @throws {UnderstudyError} `port_in_use`, `cannot_listen` */
async function listen(app: FastifyInstance, scheme: "http" | "https", address: ListenAddress, variable: string): Promise<string> {
  try {
    await app.listen(address);
  } catch (cause) {
    const { code } = cause as { code?: string };
    const at = `${address.host}:${address.port}`;
    if (code === "EADDRINUSE") {
      throw new UnderstudyError(
        "port_in_use",
        `Cannot listen on ${at}: the port is in use. Stop what uses it, or set ${variable} to another`,
        { cause },
      );
    }
    throw new UnderstudyError(
      "cannot_listen",
      `Cannot listen on ${at}: ${(cause as Error).message}. Set ${variable} to an address of this machine`,
      { cause },
    );
  }
  const bound = app.server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : address.port;
  const host = address.host === "0.0.0.0" || address.host === "::" ? "127.0.0.1" : address.host;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
